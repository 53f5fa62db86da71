import type { Rollout } from './rollout.js';
import { referenceLogRatios } from './token-rewards.js';

/** Named as TRL names them; sums over response tokens, means over sequences. */
export interface RolloutMetrics {
  readonly [name: string]: number;
  /** k1, nats per sequence; drives the KL controller. */
  readonly 'objective/kl': number;
  /** Surprise of the sampled responses, nats per sequence: an estimate of the policy's entropy. */
  readonly 'objective/entropy': number;
  readonly 'objective/scores': number;
  readonly 'objective/non_score_reward': number;
  readonly 'objective/rlhf_reward': number;
  /** Largest difference, in nats, between the rollout engine's and the trainer's log-probability of a token. */
  readonly 'val/engine_gap': number;
}

/** @param beta KL coefficient of the iteration, per nat */
export function rolloutMetrics(rollout: Rollout, beta: number): RolloutMetrics {
  const { size, responseTokens, responseMask, oldLogProbabilities, scores, engineLogProbabilities } = rollout;
  const perSequence = (values: ArrayLike<number>): number =>
    Array.from(values).reduce((a, b) => a + b, 0) / size;
  const logRatios = referenceLogRatios(rollout);
  const score = perSequence(scores);
  const penalty = perSequence(logRatios.map((logRatio) => -beta * logRatio));
  return {
    'objective/kl': perSequence(logRatios),
    'objective/entropy': -perSequence(oldLogProbabilities.map((value, i) => value * responseMask[i]!)),
    'objective/scores': score,
    'objective/non_score_reward': penalty,
    'objective/rlhf_reward': score + penalty,
    'val/engine_gap': engineLogProbabilities.reduce(
      (gap, values, row) =>
        values.reduce(
          (rowGap, value, t) =>
            Math.max(rowGap, Math.abs(value - oldLogProbabilities[row * responseTokens + t]!)),
          gap,
        ),
      0,
    ),
  };
}
