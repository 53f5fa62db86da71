/** The section `optimise` of a run's configuration. */

/** Policy optimisers, by the names that configurations call them. */
export const ALGORITHMS = ['ppo'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export interface KlConfiguration {
  readonly controller: 'adaptive' | 'fixed';
  /** Initial β, per nat of KL. */
  readonly coefficient: number;
  /** Nats per sequence; the adaptive controller steers towards it. */
  readonly target: number;
  /** Episodes; the adaptive controller's time constant. */
  readonly horizon: number;
}

export interface OptimiseConfiguration {
  readonly algorithm: Algorithm;
  /** Responses to sample in all; rounded up to whole iterations. */
  readonly episodes: number;
  /** Responses per iteration. */
  readonly batch: number;
  /** Passes over each iteration's responses. */
  readonly epochs: number;
  /** Minibatches per pass; must divide `batch`. */
  readonly minibatches: number;
  readonly learningRate: number;
  readonly clip: number;
  readonly valueClip: number;
  readonly valueCoefficient: number;
  readonly gamma: number;
  readonly lambda: number;
  readonly whitenRewards: boolean;
  readonly kl: KlConfiguration;
  /** Iterations between checkpoints. */
  readonly checkpointEvery: number;
}
