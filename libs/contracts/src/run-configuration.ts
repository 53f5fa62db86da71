/**
 * The shape of a run's configuration. libs/config validates a YAML file against it, fills in defaults and freezes it;
 * everything else reads it as plain data.
 */
import type { OptimiseConfiguration } from './optimise-configuration.js';

/** GPT-2-style decoder. `width` must be divisible by `heads`; `context` and `vocabulary` are counted in tokens. */
export interface ModelConfiguration {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly vocabulary: number;
  /**
   * Rate in [0, 1) of GPT-2's three dropouts (embeddings, attention probabilities, residual branches) in pretraining and
   * fine-tuning; absent: 0. Always off in sampling, reward modelling, RL and evaluation.
   */
  readonly dropout?: number;
  /** The MLP's GELU: by GPT-2's tanh approximation (`gelu_new`; absent: this) or exact, by the error function. */
  readonly activation?: Activation;
  /** Whether the output embedding is the input embedding (absent: yes) or `lm_head.weight`, [vocabulary, width]. */
  readonly tiedEmbeddings?: boolean;
}

export const ACTIVATIONS = ['gelu_new', 'gelu'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** How a language model is trained, whatever on. */
export interface LanguageModelTrainingConfiguration {
  /** Sequences per update. */
  readonly batch: number;
  /**
   * Micro-batches that an update's batch is computed in, one after the other; must divide `batch`. Saves memory; the
   * update is that of the whole batch.
   */
  readonly accumulation: number;
  /** Peak of the schedule. */
  readonly learningRate: number;
  /** Updates of linear warm-up. */
  readonly warmup: number;
  /** How the learning rate falls after the warm-up. */
  readonly schedule: 'cosine' | 'linear';
  /** Share of the peak that the schedule ends at. */
  readonly finalShare: number;
  /** AdamW's; of matrices and embeddings, not of biases and layer norms. */
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  /** Gradients are scaled down to this global norm. */
  readonly maximumGradientNorm: number;
  /** Updates between checkpoints. */
  readonly checkpointEvery: number;
  /** Updates between measurements of the held-out loss; absent: at checkpoints. */
  readonly evaluateEvery?: number;
}

/** Where a configuration says nothing else. */
export const TRAINING_DEFAULTS = {
  accumulation: 1,
  schedule: 'cosine',
  finalShare: 0.1,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
  maximumGradientNorm: 1,
} as const satisfies Partial<LanguageModelTrainingConfiguration>;

/** Key of a JSON Lines row that holds its text, where a configuration names no other. */
export const DEFAULT_TEXT_KEY = 'text';

/** Sequences are windows of `model.context` tokens. */
export interface PretrainConfiguration extends LanguageModelTrainingConfiguration {
  /**
   * A package corpus (`sotu`, `moby-dick`), or the path of a text or JSON Lines file, gzipped or not, or of a folder of
   * such files.
   */
  readonly corpus: string;
  /** Key of a JSON Lines row that holds its text. */
  readonly textKey: string;
  /** Training tokens to see; rounded up to whole updates. */
  readonly tokens: number;
}

/** Supervised fine-tuning on prompts with their completions; the loss is over the completions alone. */
export interface SftConfiguration extends LanguageModelTrainingConfiguration {
  /**
   * Path of a JSON Lines file, gzipped or not, or of a folder of such files. A row is `{prompt, completion}` (strings, or
   * lists of messages) or `{messages: [{role, content}]}`.
   */
  readonly data: string;
  /** Passes over the training rows; rounded up to whole updates. */
  readonly epochs: number;
  /** What becomes of a row longer than the model's context: the step fails, its end is cut off, or it is left out. */
  readonly longRows: 'refuse' | 'truncate' | 'drop';
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
  /**
   * Whether the preference snapshot names labelers, by pseudonym. Which simulated labeler gets which comparison is a
   * matter of time: with this on, two runs of one configuration have snapshots of other ids. Absent: no.
   */
  readonly recordLabelers?: boolean;
  /** Shown to labelers beside the task. */
  readonly guideline: string;
  /** Gold-reward difference at which a simulated labeler prefers the better response with odds e : 1. */
  readonly simulatedNoise: number;
}

export interface RewardConfiguration {
  readonly epochs: number;
  /** Comparisons an update. All responses of a comparison go through the model once, whatever they are compared with. */
  readonly batch: number;
  readonly learningRate: number;
  /** Updates between checkpoints. */
  readonly checkpointEvery: number;
  /**
   * By how much the better response must win, in units of reward: by how sure the labeler was
   * (`PreferenceRecord.confidence`), Llama 2's small margins (0, ⅓, ⅔, 1) or large ones (0, 1, 2, 3), or as recorded
   * with the judgement (`PreferenceRecord.margin`). Absent: no margin.
   */
  readonly margin?: RewardMargin;
  /** Whether a judgement weighs as much as the labeler was sure of it. Absent: all weigh the same. */
  readonly confidenceWeights?: boolean;
  /**
   * `equal`: the judgements of each labeler weigh as much together; or the weight of a judgement by the labeler's
   * pseudonym, 1 for those not named. Needs a snapshot that names labelers. Absent: all weigh the same.
   */
  readonly labelerWeights?: 'equal' | Readonly<Record<string, number>>;
  /** Coefficient of the squared sum of a pair's rewards, which centres rewards on 0. Absent: 0. */
  readonly centring?: number;
  /** Reward models to train, of other seeds and data orders. Absent: one. */
  readonly ensemble?: number;
  /** One score of an ensemble's: the mean (absent: this), or the mean less `conservatism` standard deviations. */
  readonly aggregation?: RewardAggregation;
  /** k of the conservative aggregate. Absent: 1. */
  readonly conservatism?: number;
  /** Judged training comparisons to learn from: the first, in the order of their keys, which is random. Absent: all. */
  readonly comparisons?: number;
}

export const REWARD_MARGINS = ['small', 'large', 'recorded'] as const;
export type RewardMargin = (typeof REWARD_MARGINS)[number];
export const REWARD_AGGREGATIONS = ['mean', 'conservative'] as const;
export type RewardAggregation = (typeof REWARD_AGGREGATIONS)[number];

export interface EvaluateConfiguration {
  /** Held-out prompts, seen neither by the reward model nor by PPO. */
  readonly prompts: number;
  /** n of best-of-n, the baseline. */
  readonly bestOf: number;
  /** Absent: no frontier is measured. */
  readonly frontier?: FrontierConfiguration;
}

/** Gold and proxy reward against KL, in every evaluation. */
export interface FrontierConfiguration {
  /** Responses of the pretrained model a prompt; best-of-2, 4, 8 … up to this many are estimated from them. */
  readonly samples: number;
  /** Checkpoints of the policy to measure, evenly spaced over those it has; the last is always among them. */
  readonly checkpoints: number;
}

/** What a single-step run starts from: artifact or checkpoint ids (SHA-256, hex). */
export type StepInputs = Readonly<Partial<Record<InputName, string>>>;

/**
 * `model`: pretrained or fine-tuned checkpoint; `rewardBase`: pretrained checkpoint that the reward model starts from,
 * where that is not `model` (same tokenizer, another size); `comparisons`: comparison set; `preferences`: preference
 * snapshot; …
 */
export const INPUT_NAMES = ['model', 'rewardBase', 'comparisons', 'preferences', 'reward', 'policy'] as const;
export type InputName = (typeof INPUT_NAMES)[number];

export const STEP_NAMES = ['pretrain', 'sft', 'sample', 'collect', 'reward', 'optimise', 'evaluate'] as const;
export type StepName = (typeof STEP_NAMES)[number];

/** Steps that a pipeline executes only if its configuration has their section. */
export const OPTIONAL_STEPS = ['sft'] as const satisfies readonly StepName[];
export type OptionalStepName = (typeof OPTIONAL_STEPS)[number];

/** The inputs a step needs, and the outputs it adds under the same names. */
export const STEP_IO: Readonly<
  Record<StepName, { readonly needs: readonly InputName[]; readonly gives: string }>
> = {
  pretrain: { needs: [], gives: 'model' },
  sft: { needs: ['model'], gives: 'model' },
  sample: { needs: ['model'], gives: 'comparisons' },
  collect: { needs: ['comparisons'], gives: 'preferences' },
  reward: { needs: ['model', 'comparisons', 'preferences'], gives: 'reward' },
  optimise: { needs: ['model', 'reward'], gives: 'policy' },
  evaluate: { needs: ['model', 'comparisons', 'preferences', 'reward', 'policy'], gives: 'evaluation' },
};

/** A transformer's size; all else is as the section `model` says. */
export interface RewardModelSize {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
}

/**
 * A study of over-optimisation (Gao et al. 2022): one policy model, and a reward model for every size and number of
 * labels, each optimised against and measured by a run of its own.
 */
export interface StudyConfiguration {
  /** One that has the size of `model` starts from it; the others start from models pretrained in the same way. */
  readonly rewardModels: readonly RewardModelSize[];
  /** Judged comparisons that each reward model learns from (`reward.comparisons`). */
  readonly labels: readonly number[];
}

export interface RunConfiguration {
  readonly name: string;
  /** 0 … 2³²−1. */
  readonly seed: number;
  /** Absent: the whole pipeline. Present: that step alone, from `inputs`. */
  readonly step?: StepName;
  readonly inputs: StepInputs;
  readonly model: ModelConfiguration;
  readonly pretrain: PretrainConfiguration;
  /** Absent: the pipeline has no such step. */
  readonly sft?: SftConfiguration;
  readonly sample: SampleConfiguration;
  readonly collect: CollectConfiguration;
  readonly reward: RewardConfiguration;
  readonly optimise: OptimiseConfiguration;
  readonly evaluate: EvaluateConfiguration;
  /** Present: the run is a study; it pretrains, samples and collects, and starts the other runs. */
  readonly study?: StudyConfiguration;
}

/** The steps of a run, in order: one alone, or the pipeline with the optional steps that are configured. */
export function stepsOf(
  configuration: Pick<RunConfiguration, 'step' | 'study' | OptionalStepName>,
): readonly StepName[] {
  if (configuration.step !== undefined) return [configuration.step];
  if (configuration.study !== undefined) return STUDY_STEPS;
  return pipelineSteps(OPTIONAL_STEPS.filter((name) => configuration[name] !== undefined));
}

/** The steps that a study takes itself; what follows is done once a reward model, by the runs that it starts. */
export const STUDY_STEPS = ['pretrain', 'sample', 'collect'] as const satisfies readonly StepName[];

/** The pipeline, with these of the optional steps. */
export function pipelineSteps(optional: readonly OptionalStepName[]): readonly StepName[] {
  const left: readonly StepName[] = OPTIONAL_STEPS.filter((name) => !optional.includes(name));
  return STEP_NAMES.filter((name) => !left.includes(name));
}
