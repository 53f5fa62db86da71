/**
 * Upper bound on the KL divergence of best-of-n sampling from the sampled model, in nats per sequence:
 * log n − (n − 1)/n. Exact when no two responses have the same reward (Beirami et al. 2024, arXiv:2401.01879).
 */
export function bestOfNKlBound(n: number): number {
  return Math.log(n) - (n - 1) / n;
}

/** Index of the highest score; the first of several. */
export function bestOf(scores: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i]! > scores[best]!) best = i;
  return best;
}
