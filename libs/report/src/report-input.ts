import type {
  EvaluationResult,
  RunConfiguration,
  Status,
  StepName,
  TrainingWarning,
} from '@plumbline/contracts';

/** A measured curve: [index, value], index rising (updates, or PPO iterations). */
export type Series = readonly (readonly [number, number])[];

export interface ReportedRun {
  readonly runId: string;
  readonly name: string;
  readonly preset: string | null;
  readonly status: Status;
  readonly startedBy: string | null;
  /** ISO 8601, as all times here. */
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly commit: string | null;
  /** The working tree had changes beside the commit. */
  readonly dirty: boolean;
  readonly lockfileHash: string | null;
  readonly configurationHash: string;
  /** Library name to version. */
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly forkedFrom: { readonly runId: string; readonly step: StepName } | null;
}

export interface ReportedStep {
  readonly name: StepName;
  readonly status: Status;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Name to artifact id. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly checkpoints: readonly { readonly index: number; readonly id: string }[];
  readonly metrics: Readonly<Record<string, Series>>;
  /** What the curves gave reason to warn of. */
  readonly warnings: readonly TrainingWarning[];
}

/** Who judged, and how. */
export interface ReportedCollection {
  readonly ranked: number;
  readonly ties: number;
  readonly bothBad: number;
  /** Judgements of simulated labelers among them. */
  readonly simulated: number;
  readonly labelers: number;
}

/** Everything a report shows. A part that a run does not have (a single step, a failed run) is left out or null. */
export interface ReportInput {
  readonly run: ReportedRun;
  readonly configuration: RunConfiguration;
  readonly steps: readonly ReportedStep[];
  readonly collection: ReportedCollection | null;
  readonly evaluation: EvaluationResult | null;
}
