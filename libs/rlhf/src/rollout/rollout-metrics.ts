import type { KlEstimatorName } from '@plumbline/contracts';
import type { Rollout } from './rollout.js';
import { klRewards, referenceLogRatios } from './token-rewards.js';

/** Named as TRL names them; sums over response tokens, means over sequences. */
export interface RolloutMetrics {
  readonly [name: string]: number;
  /** k1, nats per sequence; drives the KL controller. */
  readonly 'objective/kl': number;
  /** Surprise of the sampled responses, nats per sequence: an estimate of the policy's entropy. */
  readonly 'objective/entropy': number;
  /** After the rule for responses that do not end. */
  readonly 'objective/scores': number;
  /** −β times the KL estimate, wherever the penalty enters. */
  readonly 'objective/non_score_reward': number;
  readonly 'objective/rlhf_reward': number;
  /** Responses that ended. */
  readonly 'val/num_eos_tokens': number;
  /** Tokens a response. */
  readonly 'completions/mean_length': number;
  /** Largest difference, in nats, between the rollout engine's and the trainer's log-probability of a token. */
  readonly 'val/engine_gap': number;
}

/**
 * @param beta KL coefficient of the iteration, per nat
 * @param endOfText the token that ends a response
 */
export function rolloutMetrics(
  rollout: Rollout,
  beta: number,
  estimator: KlEstimatorName,
  endOfText: number,
): RolloutMetrics {
  const { size, responseTokens, responseMask, oldLogProbabilities, scores, sequences } = rollout;
  const perSequence = (values: ArrayLike<number>): number =>
    Array.from(values).reduce((a, b) => a + b, 0) / size;
  const score = perSequence(scores);
  const penalty = perSequence(klRewards(rollout, beta, estimator));
  return {
    'objective/kl': perSequence(referenceLogRatios(rollout)),
    'objective/entropy': -perSequence(oldLogProbabilities.map((value, i) => value * responseMask[i]!)),
    'objective/scores': score,
    'objective/non_score_reward': penalty,
    'objective/rlhf_reward': score + penalty,
    'val/num_eos_tokens': sequences.filter((sequence) => sequence.responseTokens.at(-1) === endOfText).length,
    'completions/mean_length': perSequence(sequences.map((sequence) => sequence.responseTokens.length)),
    'val/engine_gap': rollout.engineLogProbabilities.reduce(
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
