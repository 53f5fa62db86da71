import type { KlConfiguration } from '@plumbline/contracts';

/** Errors beyond ±20 % steer no harder than that (Ziegler et al. 2019, arXiv:1909.08593, §2.2). */
const LARGEST_ERROR = 0.2;

/**
 * The KL coefficient β after an iteration.
 *
 * `adaptive`: β ← β·(1 + clip(KL/target − 1, ±0.2)·episodes/horizon). `fixed`: β stays.
 * @param coefficient β of the iteration, per nat
 * @param kl measured KL of the policy to the reference: k1, nats per sequence
 * @param episodes sequences of the iteration
 */
export function nextKlCoefficient(
  configuration: Pick<KlConfiguration, 'controller' | 'target' | 'horizon'>,
  coefficient: number,
  kl: number,
  episodes: number,
): number {
  switch (configuration.controller) {
    case 'fixed':
      return coefficient;
    case 'adaptive': {
      const error = Math.min(Math.max(kl / configuration.target - 1, -LARGEST_ERROR), LARGEST_ERROR);
      return coefficient * (1 + (error * episodes) / configuration.horizon);
    }
  }
}
