/** From scores and log-probabilities to what tokens and responses earn. B sequences, R response positions. */
import type { KlEstimatorName } from '@plumbline/contracts';
import { klEstimators } from '../kl/kl-estimators.js';
import type { OptimiseSettings } from '../optimisers/optimise-settings.js';
import type { Rollout } from './rollout.js';

/** log π_old − log π_ref of each token, in nats, [B · R]; 0 after the end of a response. */
export function referenceLogRatios({
  oldLogProbabilities,
  referenceLogProbabilities,
  responseMask,
}: Pick<Rollout, 'oldLogProbabilities' | 'referenceLogProbabilities' | 'responseMask'>): Float32Array {
  return oldLogProbabilities.map((value, i) => (value - referenceLogProbabilities[i]!) * responseMask[i]!);
}

/** −β times the KL estimate of each token, [B · R]: what the KL costs in reward. */
export function klRewards(rollout: Rollout, beta: number, estimator: KlEstimatorName): Float64Array {
  const estimate = klEstimators[estimator];
  return Float64Array.from(referenceLogRatios(rollout), (logRatio) => -beta * estimate(logRatio));
}

/** Reward of each token, [B · R]: its KL penalty, unless that is in the loss, and the score on the response's last one. */
export function tokenRewards(
  rollout: Rollout,
  beta: number,
  { estimator, placement }: Pick<OptimiseSettings['kl'], 'estimator' | 'placement'>,
): Float64Array {
  const { responseTokens, sequences, scores } = rollout;
  const rewards = klRewards(rollout, placement === 'reward' ? beta : 0, estimator);
  sequences.forEach((sequence, row) => {
    rewards[row * responseTokens + sequence.responseTokens.length - 1]! += scores[row]!;
  });
  return rewards;
}

/** Reward of each whole response, [B]: the sum of its tokens'. */
export function sequenceRewards(
  rollout: Rollout,
  beta: number,
  kl: Pick<OptimiseSettings['kl'], 'estimator' | 'placement'>,
): Float64Array {
  const rewards = tokenRewards(rollout, beta, kl);
  const { size, responseTokens } = rollout;
  return Float64Array.from({ length: size }, (_, row) =>
    rewards.subarray(row * responseTokens, (row + 1) * responseTokens).reduce((a, b) => a + b, 0),
  );
}
