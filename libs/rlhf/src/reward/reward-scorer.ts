/** Scoring responses by a trained reward model, be it one or an ensemble. */
import type { ArtifactStore, TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration, RewardConfiguration } from '@plumbline/contracts';
import { disposeParameters, fromTensorMap } from '@plumbline/model';
import {
  EAGER_FP32,
  readModelCheckpoint,
  type ExecutionPlan,
  type ModelCheckpoint,
} from '@plumbline/training';
import { forwardProgram } from '../forward-program.js';
import {
  aggregated,
  aggregationOf,
  ensembleShapes,
  memberWeights,
  type Aggregation,
} from './reward-ensemble.js';
import { rewards, scoreSequences, scoringBatches } from './reward-model.js';
import type { Scorer } from './scorer.js';
import type { Sequence } from '../sequences.js';

/** A checkpoint of the step `reward`. */
export interface RewardModel extends ModelCheckpoint {
  /** Weights of each member, under the names of a reward model alone; at least one. */
  readonly members: readonly TensorMap[];
  readonly aggregation: Aggregation;
  /**
   * By member, what normalisation divided its scores by: a gap between two of its scores, times this, is the log-odds
   * of the preference that it was trained to predict. 1 where nothing was normalised.
   */
  readonly deviations: readonly number[];
}

/** What normalisation did to trained scores: (score − mean)/deviation. */
export interface Normalisation {
  readonly mean: number;
  readonly deviation: number;
}

/**
 * Reads a reward model and checks that it is one.
 * @throws Error naming the checkpoint and what it lacks; ArtifactError when a blob is missing or corrupted.
 */
export async function readRewardModel(artifacts: ArtifactStore, id: string): Promise<RewardModel> {
  const read = await readModelCheckpoint(artifacts, id, (configuration) => {
    const { model, reward } = configuration as { model: ModelConfiguration; reward?: RewardConfiguration };
    return ensembleShapes(model, aggregationOf(reward).ensemble);
  });
  const { weights, configuration, state } = read.checkpoint;
  const aggregation = aggregationOf((configuration as { reward?: RewardConfiguration }).reward);
  const { normalised } = state as { normalised?: Normalisation | readonly Normalisation[] | null };
  const normalisations = normalised ? [normalised].flat() : [];
  const members = Array.from({ length: aggregation.ensemble }, (_, member) => member);
  return {
    ...read,
    members: members.map((member) => memberWeights(weights, member)),
    aggregation,
    deviations: members.map((member) => normalisations[member]?.deviation ?? 1),
  };
}

/** A reward model as a scorer; it holds parameters on the device until it is disposed of. */
export interface RewardScorer extends Scorer {
  /** One score a sequence: of mean 0 and variance 1 on the responses that the reward model was normalised on. */
  score(sequences: readonly Sequence[], options: ScoringOptions): Promise<Float32Array>;
  /** The scores of each member, [member][sequence]; `score` gives their aggregate. */
  scoreByMember(sequences: readonly Sequence[], options: ScoringOptions): Promise<Float32Array[]>;
  /** How often scoring so many sequences breathes. */
  batches(sequences: number): number;
  dispose(): void;
}

export interface ScoringOptions {
  /** Awaited after every batch. */
  readonly breathe: () => Promise<void>;
  /** Positions that these sequences are padded to, where it is not the scorer's `length`. */
  readonly length?: number;
}

/**
 * The scorer that `optimise` and `evaluate` use. The caller disposes of it.
 * @param length positions that every sequence is padded to: the shape decides the rounding
 * @param plan how the reward model runs; absent: op by op
 */
export function rewardScorer(
  { model, members, aggregation }: Pick<RewardModel, 'model' | 'members' | 'aggregation'>,
  length: number,
  plan: Pick<ExecutionPlan, 'mode' | 'precision' | 'rowShards'> = EAGER_FP32,
): RewardScorer {
  const program = forwardProgram(
    'the reward model',
    (parameters, { tokens, lastPositions }) => rewards(parameters, model, tokens!, lastPositions!),
    plan,
  );
  const parameters = members.map((weights) => fromTensorMap(weights));
  const scoreByMember: RewardScorer['scoreByMember'] = async (sequences, options) => {
    const scores: Float32Array[] = [];
    for (const member of parameters) {
      scores.push(
        await scoreSequences(member, model, sequences, {
          length,
          ...options,
          rewards: (tokens, lastPositions) => program.run(member, { tokens, lastPositions }),
        }),
      );
    }
    return scores;
  };
  return {
    scoreByMember,
    score: async (sequences, options) => aggregated(await scoreByMember(sequences, options), aggregation),
    batches: (sequences) => members.length * scoringBatches(sequences),
    dispose: () => {
      program.dispose();
      parameters.forEach(disposeParameters);
    },
  };
}
