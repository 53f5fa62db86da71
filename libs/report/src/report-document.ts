import type {
  Estimate,
  EvaluatedSample,
  EvaluationResult,
  Frontier,
  RunConfiguration,
  StepName,
  TrainingWarning,
} from '@plumbline/contracts';
import type { ReportInput, ReportedCollection, ReportedRun, ReportedStep, Series } from './report-input.js';

/** The report as data: what the page shows, and nothing it does not. Stored as JSON beside the page. */
export interface ReportDocument {
  readonly kind: 'report';
  readonly format: 1;
  readonly run: ReportedRun;
  /** Absent where the run has no evaluation. */
  readonly headline: Headline | null;
  /** Null where none was measured. */
  readonly frontier: Frontier | null;
  /** Null where the run has no evaluation. */
  readonly rewardModel: RewardModelReport | null;
  readonly collection: ReportedCollection | null;
  readonly curves: readonly { readonly step: StepName; readonly name: string; readonly points: Series }[];
  /** What the curves gave reason to warn of. */
  readonly warnings: readonly (TrainingWarning & { readonly step: StepName })[];
  readonly samples: readonly EvaluatedSample[];
  readonly lineage: readonly StepLineage[];
  readonly configuration: RunConfiguration;
}

export interface Headline {
  readonly prompts: number;
  readonly bestOf: number;
  readonly goldWinRate: { readonly policy: Estimate; readonly bestOf: Estimate };
  readonly goldReward: {
    readonly pretrained: Estimate;
    readonly policy: Estimate;
    readonly bestOf: Estimate;
  };
  readonly proxyReward: {
    readonly pretrained: Estimate;
    readonly policy: Estimate;
    readonly bestOf: Estimate;
  };
  readonly klNatsPerSequence: Estimate;
  readonly bestOfKlBound: number;
  /** Null where no held-out judgement prefers a response. */
  readonly rewardModelAccuracy: Estimate | null;
  readonly rewardModelAccuracyAgainstGold: Estimate | null;
  /** Null where people judged, too: their noise is not known. */
  readonly noiseCeiling: number | null;
}

/** How far the reward model can be trusted beyond its accuracy; null: not measured. */
export interface RewardModelReport {
  readonly calibration: NonNullable<EvaluationResult['rewardModel']['calibration']> | null;
  readonly accuracyByAgreement: NonNullable<EvaluationResult['rewardModel']['accuracyByAgreement']> | null;
}

export interface StepLineage {
  readonly step: StepName;
  readonly status: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly seconds: number | null;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly checkpoints: readonly { readonly index: number; readonly id: string }[];
}

export function reportDocument(input: ReportInput): ReportDocument {
  const { run, configuration, steps, collection, evaluation } = input;
  return {
    kind: 'report',
    format: 1,
    run,
    headline: evaluation && {
      prompts: evaluation.prompts,
      bestOf: evaluation.bestOf,
      goldWinRate: evaluation.goldWinRate,
      goldReward: evaluation.goldReward,
      proxyReward: evaluation.proxyReward,
      klNatsPerSequence: evaluation.kl,
      bestOfKlBound: evaluation.bestOfKlBound,
      rewardModelAccuracy: evaluation.rewardModel.accuracy,
      rewardModelAccuracyAgainstGold: evaluation.rewardModel.accuracyAgainstGold,
      noiseCeiling: judgedBySimulation(collection) ? evaluation.rewardModel.noiseCeiling : null,
    },
    frontier: evaluation?.frontier ?? null,
    rewardModel: evaluation && {
      calibration: evaluation.rewardModel.calibration ?? null,
      accuracyByAgreement: evaluation.rewardModel.accuracyByAgreement ?? null,
    },
    collection,
    curves: steps.flatMap(({ name: step, metrics }) =>
      Object.entries(metrics)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, points]) => ({ step, name, points })),
    ),
    samples: evaluation?.samples ?? [],
    warnings: steps.flatMap(({ name: step, warnings }) => warnings.map((warning) => ({ step, ...warning }))),
    lineage: steps.map(lineage),
    configuration,
  };
}

function judgedBySimulation(collection: ReportedCollection | null): boolean {
  return (
    collection !== null && collection.simulated === collection.ranked + collection.ties + collection.bothBad
  );
}

function lineage({
  name,
  status,
  startedAt,
  finishedAt,
  inputs,
  outputs,
  checkpoints,
}: ReportedStep): StepLineage {
  const seconds =
    startedAt !== null && finishedAt !== null
      ? (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000
      : null;
  return { step: name, status, startedAt, finishedAt, seconds, inputs, outputs, checkpoints };
}
