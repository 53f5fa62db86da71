/** From scores and log-probabilities to what each token earns. B sequences, R response positions. */
import type { Rollout } from './rollout.js';

/** log π_old − log π_ref of each token, in nats, [B · R]; 0 after the end of a response. */
export function referenceLogRatios({
  oldLogProbabilities,
  referenceLogProbabilities,
  responseMask,
}: Pick<Rollout, 'oldLogProbabilities' | 'referenceLogProbabilities' | 'responseMask'>): Float32Array {
  return oldLogProbabilities.map((value, i) => (value - referenceLogProbabilities[i]!) * responseMask[i]!);
}

/** Reward of each token, [B · R]: −β times its log-ratio to the reference, and the score on the response's last one. */
export function penalisedRewards(rollout: Rollout, beta: number): Float64Array {
  const { responseTokens, sequences, scores } = rollout;
  return Float64Array.from(referenceLogRatios(rollout), (logRatio, i) => {
    const row = Math.floor(i / responseTokens);
    const isLast = i % responseTokens === sequences[row]!.responseTokens.length - 1;
    return -beta * logRatio + (isLast ? scores[row]! : 0);
  });
}
