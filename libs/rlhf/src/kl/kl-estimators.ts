/**
 * Single-sample estimators of KL(p‖q) from the log-ratio of a sample of p (Schulman, "Approximating KL divergence",
 * 2020). Argument: log p(x) − log q(x), in nats.
 */
export const klEstimators = {
  /** Unbiased; of either sign. Drives the KL controller. */
  k1: (logRatio: number): number => logRatio,
  /** Biased, low variance, ≥ 0. PPO's "approximate KL" of the new policy to the old. */
  k2: (logRatio: number): number => (logRatio * logRatio) / 2,
  /** Unbiased, low variance, ≥ 0. */
  k3: (logRatio: number): number => Math.expm1(-logRatio) + logRatio,
} as const;

/**
 * KL(p‖q) of two distributions over the same outcomes, in nats.
 * @throws RangeError if the lengths differ
 */
export function fullKl(p: ArrayLike<number>, q: ArrayLike<number>): number {
  if (p.length !== q.length) throw new RangeError(`distributions over ${p.length} and ${q.length} outcomes`);
  let sum = 0;
  for (let i = 0; i < p.length; i++) if (p[i]! > 0) sum += p[i]! * Math.log(p[i]! / q[i]!);
  return sum;
}
