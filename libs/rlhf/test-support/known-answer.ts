/**
 * A task whose optimum is known (CONFORMANCE, "Known-answer policy optimisation"): with few enough responses to list,
 * the policy that maximises E[r] − β·KL(π‖π_ref) is π_ref·exp(r/β)/Z, and is worth β·log Z. V vocabulary.
 *
 * Probabilities are enumerated here from the model's logits alone: nothing of rollouts, losses or KL is used.
 */
import { uniform, tf } from '@plumbline/compute';
import type { TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration, OptimiseConfiguration } from '@plumbline/contracts';
import {
  disposeParameters,
  forward,
  initialise,
  logits,
  mapValues,
  toTensorMap,
  type Parameters,
} from '@plumbline/model';
import { COMPILED_FP32 } from '@plumbline/training';
import { completeSettings } from '../src/optimisers/optimise-settings.js';
import { grpo, initialRewardModel, OnlineTraining, ppo, rloo, type OnlineOptimiser } from '../src/index.js';

const END_OF_TEXT = 0;
const MODEL: ModelConfiguration = { layers: 1, heads: 2, width: 16, context: 4, vocabulary: 6 };
const TEMPERATURE = 0.7;
const RESPONSE_TOKENS = 2;
const PROMPT = [1, 4];
/** Scores lie between 0 and this. */
const HIGHEST_SCORE = 1.5;
/** Of the first weights: a reference policy that is far from uniform. */
const WEIGHT_SCALE = 8;

export type KnownAnswerAlgorithm = 'ppo' | 'rloo' | 'grpo';

const OPTIMISERS: Readonly<Record<KnownAnswerAlgorithm, OnlineOptimiser>> = { ppo, rloo, grpo };

/** GRPO in the form whose optimum is the KL-regularised one: nothing divided by lengths or deviations. */
const OWN_SETTINGS: Readonly<Record<KnownAnswerAlgorithm, Partial<OptimiseConfiguration>>> = {
  ppo: {},
  rloo: { rloo: { responsesPerPrompt: 8 } },
  grpo: { grpo: { responsesPerPrompt: 8, scaleRewards: 'none', lossNormalisation: 'constant' } },
};

/** What an optimiser reached, and what it could have. */
export interface KnownAnswer {
  /** E[r] − β·KL(π‖π_ref) of the trained policy, and of the best one: β·log Z. */
  readonly objective: number;
  readonly optimum: number;
  /** Of the reference policy, for comparison. */
  readonly start: number;
  /** Total variation between the trained policy and the best one, and between the reference and the best one. */
  readonly distance: number;
  readonly startDistance: number;
}

/** Trains from the reference policy by the optimiser's real path, then compares with the optimum. */
export async function solveKnownAnswer(
  algorithm: KnownAnswerAlgorithm,
  beta: number,
  seed: number,
): Promise<KnownAnswer> {
  const optimiser = OPTIMISERS[algorithm];
  const settings: OptimiseConfiguration = {
    algorithm,
    episodes: 256 * 80,
    batch: 256,
    epochs: 2,
    minibatches: 1,
    learningRate: 1e-2,
    clip: 0.2,
    valueClip: 0.2,
    valueCoefficient: 0.5,
    gamma: 1,
    lambda: 0.95,
    whitenRewards: false,
    kl: {
      controller: 'fixed',
      coefficient: beta,
      target: 1,
      horizon: 1,
    },
    checkpointEvery: 1000,
    ...OWN_SETTINGS[algorithm],
  };
  const reference = referencePolicy(seed);
  const training = await OnlineTraining.begin({
    optimiser,
    settings,
    sample: {
      promptTokens: PROMPT.length,
      responseTokens: RESPONSE_TOKENS,
      temperature: TEMPERATURE,
    },
    seed,
    model: MODEL,
    weights: optimiser.initialWeights(
      reference,
      initialRewardModel(reference, MODEL.width, seed),
      completeSettings(settings),
    ),
    reference,
    scorer: {
      score: (sequences) =>
        Float32Array.from(sequences, ({ responseTokens }) => scoreOf(responseTokens, seed)),
    },
    prompt: () => PROMPT,
    endOfText: END_OF_TEXT,
    plan: COMPILED_FP32,
    breathe: () => Promise.resolve(),
  });
  try {
    const start = responseProbabilities(training.parameters);
    for (let iteration = 0; iteration < settings.episodes / settings.batch; iteration++) {
      await training.iterate();
    }
    return compare(start, responseProbabilities(training.parameters), beta, seed);
  } finally {
    await training.dispose();
  }
}

/** Initialised weights, larger; norms and biases as they are. */
function referencePolicy(seed: number): TensorMap {
  const parameters = initialise(MODEL, seed);
  try {
    return mapValues(toTensorMap(parameters), (tensor) =>
      tensor.shape.length < 2
        ? tensor
        : { ...tensor, data: Float32Array.from(tensor.data, (value) => value * WEIGHT_SCALE) },
    );
  } finally {
    disposeParameters(parameters);
  }
}

/** An arbitrary score of each response. */
function scoreOf(response: readonly number[], seed: number): number {
  const index = response.reduce((sum, token) => sum * (MODEL.vocabulary + 1) + token + 1, 0);
  return HIGHEST_SCORE * uniform(seed, 'known answer scores', index);
}

/** Every response: end-of-text at once, or any token and then any token. */
const RESPONSES: readonly (readonly number[])[] = [
  [END_OF_TEXT],
  ...tokens()
    .filter((first) => first !== END_OF_TEXT)
    .flatMap((first) => tokens().map((second) => [first, second])),
];

function tokens(): number[] {
  return Array.from({ length: MODEL.vocabulary }, (_, token) => token);
}

/** π of each response to the prompt, in the order of `RESPONSES`: softmax of the logits over the temperature. */
function responseProbabilities(parameters: Parameters): number[] {
  const distribution = (prefix: readonly number[]): number[] => {
    const scaled = tf
      .tidy(() => {
        const hidden = forward(parameters, MODEL, tf.tensor2d([[...prefix]], undefined, 'int32'));
        return Array.from(logits(parameters, hidden.slice([0, prefix.length - 1, 0], [1, 1, -1])).dataSync());
      })
      .map((logit) => logit / TEMPERATURE);
    const largest = Math.max(...scaled);
    const weights = scaled.map((value) => Math.exp(value - largest));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / total);
  };
  const first = distribution(PROMPT);
  const second = tokens().map((token) => distribution([...PROMPT, token]));
  return RESPONSES.map(([a, b]) => first[a!]! * (b === undefined ? 1 : second[a!]![b]!));
}

function compare(
  reference: readonly number[],
  policy: readonly number[],
  beta: number,
  seed: number,
): KnownAnswer {
  const scores = RESPONSES.map((response) => scoreOf(response, seed));
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const tilted = reference.map((p, i) => p * Math.exp(scores[i]! / beta));
  const z = sum(tilted);
  const best = tilted.map((weight) => weight / z);
  const objective = (of: readonly number[]): number =>
    sum(of.map((p, i) => (p === 0 ? 0 : p * (scores[i]! - beta * Math.log(p / reference[i]!)))));
  const distance = (of: readonly number[]): number => sum(of.map((p, i) => Math.abs(p - best[i]!))) / 2;
  return {
    objective: objective(policy),
    optimum: beta * Math.log(z),
    start: objective(reference),
    distance: distance(policy),
    startDistance: distance(reference),
  };
}
