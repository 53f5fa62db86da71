/** The section `optimise` of a run's configuration. */
import type { InputName } from './run-configuration.js';

/** Policy optimisers, by the names that configurations call them. */
export const ALGORITHMS = ['ppo', 'rloo', 'grpo', 'dpo', 'best-of-n'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** What an optimiser reads beside the model and the reward model. */
export const ALGORITHM_INPUTS: Readonly<Record<Algorithm, readonly InputName[]>> = {
  ppo: [],
  rloo: [],
  grpo: [],
  dpo: ['comparisons', 'preferences'],
  'best-of-n': [],
};

/** Published settings that fill in what a configuration leaves out. */
export const OPTIMISE_PRESETS = ['openai-2019-style', 'summarisation-2020'] as const;
export type OptimisePreset = (typeof OPTIMISE_PRESETS)[number];

export const KL_ESTIMATORS = ['k1', 'k2', 'k3'] as const;
export type KlEstimatorName = (typeof KL_ESTIMATORS)[number];

export interface KlConfiguration {
  readonly controller: 'adaptive' | 'fixed';
  /** Initial β, per nat of KL. */
  readonly coefficient: number;
  /** Nats per sequence; the adaptive controller steers towards it. */
  readonly target: number;
  /** Episodes; the adaptive controller's time constant. */
  readonly horizon: number;
  /** Schulman's estimator that the penalty is made of. The controller and the metric are k1 always. Absent: k1. */
  readonly estimator?: KlEstimatorName;
  /** Whether the penalty is taken off each token's reward or added to the loss. Absent: reward. */
  readonly placement?: 'reward' | 'loss';
}

export interface AdamConfiguration {
  /**
   * Where ε enters: as PyTorch has it, added to the bias-corrected root, or as TensorFlow 1 has it, added to the root
   * before bias correction (that is, ε/√(1−β₂ᵗ)). Absent: pytorch.
   */
  readonly form?: 'pytorch' | 'tensorflow1';
  /** Absent: 0.9. */
  readonly beta1?: number;
  /** Absent: 0.999. */
  readonly beta2?: number;
  /** Absent: 1e-8. */
  readonly epsilon?: number;
  /** Decoupled, of matrices and embeddings. Absent: 0. */
  readonly weightDecay?: number;
}

/** What a response without end-of-text token is worth. */
export interface MissingEndOfTextConfiguration {
  /** `constant`: `value`, whatever the scorer says (OpenAI 2019). `penalty`: the score less `value` (TRL). */
  readonly rule: 'off' | 'constant' | 'penalty';
  readonly value: number;
}

export interface ValueConfiguration {
  /** A transformer of its own, or a head on the policy's. */
  readonly network: 'separate' | 'shared';
  /** What a separate network starts as, under a head of zeros; a shared one starts as the policy does. Absent: reward. */
  readonly start?: 'reward' | 'pretrained';
}

/** RLOO's own settings. */
export interface RlooConfiguration {
  /** At least 2; must divide `batch`. */
  readonly responsesPerPrompt: number;
  /** Whether advantages are scaled to mean 0 and variance 1 over the iteration. Absent: no. */
  readonly normaliseAdvantages?: boolean;
}

/** GRPO's own settings. */
export interface GrpoConfiguration {
  /** At least 2; must divide `batch`. */
  readonly responsesPerPrompt: number;
  /** Standard deviation that advantages are divided by: the prompt's, the whole batch's, or none. Absent: group. */
  readonly scaleRewards?: 'group' | 'batch' | 'none';
  /**
   * `sequence`: mean over a response's tokens, then over responses (Shao et al.); `token`: mean over all tokens (DAPO);
   * `constant`: sum over `responseTokens`, then mean over responses (Dr. GRPO). Absent: sequence.
   */
  readonly lossNormalisation?: 'sequence' | 'token' | 'constant';
}

/** DPO's own settings. */
export interface DpoConfiguration {
  /** β of the KL-regularised objective whose optimum DPO looks for. */
  readonly beta: number;
  readonly loss: 'sigmoid' | 'ipo';
  /** Probability that a judgement is the wrong way round, below ½. Absent: 0. */
  readonly labelSmoothing?: number;
}

/** Best-of-n's own settings. */
export interface BestOfNConfiguration {
  /** Responses that the reward model chooses from; at least 2; must divide `batch`. */
  readonly n: number;
}

export interface OptimiseConfiguration {
  readonly algorithm: Algorithm;
  /** Where settings that the configuration leaves out came from. */
  readonly preset?: OptimisePreset;
  /** Responses to sample in all; rounded up to whole iterations. DPO samples none: it makes `epochs` passes. */
  readonly episodes: number;
  /** Responses per iteration; of DPO, pairs. */
  readonly batch: number;
  /** Passes over each iteration's responses; of DPO, over the preferences. */
  readonly epochs: number;
  /** Minibatches per pass, an update each; must divide `batch`. */
  readonly minibatches: number;
  /** Micro-batches that a minibatch is computed in; must divide it. Saves memory, changes nothing else. Absent: 1. */
  readonly accumulation?: number;
  /** Its peak. */
  readonly learningRate: number;
  /** From the peak linearly to 0, along half a cosine to 0, or constant; by iteration. Absent: linear. */
  readonly schedule?: 'linear' | 'cosine' | 'constant';
  /** Iterations of linear warm-up. Absent: 0. */
  readonly warmup?: number;
  readonly adam?: AdamConfiguration;
  /** Gradients are scaled down to this global norm. Absent: 1. */
  readonly maximumGradientNorm?: number;
  /** An iteration's remaining updates are left out once one finds an approximate KL (k2) above this. Absent: never. */
  readonly targetKl?: number;
  readonly clip: number;
  readonly valueClip: number;
  readonly valueCoefficient: number;
  readonly gamma: number;
  readonly lambda: number;
  /** Without mean shift. */
  readonly whitenRewards: boolean;
  /** With mean shift. Absent: yes. */
  readonly whitenAdvantages?: boolean;
  /** Absent: off. */
  readonly missingEndOfText?: MissingEndOfTextConfiguration;
  /** PPO's value function. Absent: a separate network that starts as the reward model. */
  readonly value?: ValueConfiguration;
  readonly kl: KlConfiguration;
  readonly rloo?: RlooConfiguration;
  readonly grpo?: GrpoConfiguration;
  readonly dpo?: DpoConfiguration;
  readonly bestOfN?: BestOfNConfiguration;
  /**
   * Held-out prompts that the policy answers at each checkpoint, to see what it is worth where it was not trained.
   * Absent: none.
   */
  readonly heldOutPrompts?: number;
  /** Iterations between checkpoints. */
  readonly checkpointEvery: number;
}
