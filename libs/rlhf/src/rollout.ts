/**
 * One iteration's experience: responses sampled from the policy, scored, and turned into what PPO learns from. All in
 * host memory. B sequences, R response positions.
 */
import { tf } from '@plumbline/compute';
import type { ModelConfiguration, OptimiseConfiguration } from '@plumbline/contracts';
import type { TextGenerator } from '@plumbline/generation';
import { toTensorMap, type Parameters } from '@plumbline/model';
import type { Trainer } from '@plumbline/training';
import { policyParameters } from './actor-critic.js';
import { generalisedAdvantages } from './advantages.js';
import { responseLogProbabilities, type ResponseShape } from './policy.js';
import { scoreSequences } from './reward-model.js';
import { sequenceRows } from './sequences.js';
import { whiten } from './whitening.js';

export interface RolloutModels {
  readonly model: ModelConfiguration;
  /** Of policy and value network, as `actor-critic.ts` names them, with `ppoLoss`. */
  readonly trainer: Pick<Trainer, 'parameters' | 'evaluate'>;
  readonly reference: Parameters;
  /** Takes the policy's weights of the moment. */
  readonly generator: TextGenerator;
  readonly rewardModel: { readonly model: ModelConfiguration; readonly parameters: Parameters };
}

export interface RolloutRequest {
  /** [B], equally long. */
  readonly prompts: readonly (readonly number[])[];
  readonly responseTokens: number;
  readonly temperature: number;
  /** [B · R] */
  readonly uniforms: Float32Array;
  readonly endOfText: number;
  /** Sequences a program call: the trainer's minibatch. */
  readonly minibatch: number;
  /** KL coefficient β of this iteration. */
  readonly beta: number;
  readonly settings: Pick<OptimiseConfiguration, 'gamma' | 'lambda' | 'whitenRewards'>;
  readonly breathe: () => Promise<void>;
}

/** Matrices are [B · R], row by row. */
export interface Rollout {
  readonly size: number;
  /** Positions of a sequence: prompt and response. */
  readonly length: number;
  readonly responseTokens: number;
  /** [B · length] */
  readonly tokens: Int32Array;
  /** 1 = a token of the response, 0 = sampled after its end. */
  readonly responseMask: Float32Array;
  readonly oldLogProbabilities: Float32Array;
  readonly oldValues: Float32Array;
  /** Whitened with mean shift. */
  readonly advantages: Float32Array;
  readonly returns: Float32Array;
  readonly metrics: RolloutMetrics;
}

/** Named as TRL names them; sums over response tokens, means over sequences. */
export interface RolloutMetrics {
  /** k1, nats per sequence; drives the KL controller. */
  readonly 'objective/kl': number;
  /** Surprise of the sampled responses, nats per sequence: an estimate of the policy's entropy. */
  readonly 'objective/entropy': number;
  readonly 'objective/scores': number;
  readonly 'objective/non_score_reward': number;
  readonly 'objective/rlhf_reward': number;
  /** Largest difference, in nats, between the rollout engine's and the trainer's log-probability of a token. */
  readonly 'val/engine_gap': number;
}

export async function collectRollout(models: RolloutModels, request: RolloutRequest): Promise<Rollout> {
  const { model, trainer, reference, generator, rewardModel } = models;
  const { prompts, responseTokens, temperature, breathe, beta, settings } = request;
  const size = prompts.length;
  const promptLength = prompts[0]!.length;
  const length = promptLength + responseTokens;
  const shape = { promptLength, temperature };

  // 1. Responses from the policy.
  await generator.update(toTensorMap(policyParameters(trainer.parameters)));
  const generation = await generator.generate({
    promptTokens: prompts,
    responseTokens,
    temperature,
    uniforms: request.uniforms,
    stopToken: request.endOfText,
    shard: request.minibatch,
    breathe,
  });
  const sequences = prompts.map((promptTokens, row) => ({
    promptTokens,
    responseTokens: generation.tokens[row]!,
  }));
  const { tokens } = sequenceRows(sequences, size, length);
  const responseMask = Float32Array.from({ length: size * responseTokens }, (_, i) =>
    i % responseTokens < sequences[Math.floor(i / responseTokens)]!.responseTokens.length ? 1 : 0,
  );

  // 2. Log-probabilities and values from the program that will update, so that the first ratio is exactly 1; the
  // reference policy's log-probabilities.
  const chunks = { tokens, size, length, minibatch: request.minibatch, breathe };
  const old = await oldOutputs(trainer, chunks, responseTokens);
  const oldLogProbabilities = old.logProbabilities;
  const oldValues = old.values;
  const referenceLogProbabilities = await logProbabilities(reference, model, chunks, shape);

  // 3. Scores.
  const scores = await scoreSequences(rewardModel.parameters, rewardModel.model, sequences, {
    length,
    breathe,
  });

  // 4. Reward of each token: the KL penalty, and the score on the last token of the response.
  const at = (row: number, t: number): number => row * responseTokens + t;
  const logRatios = oldLogProbabilities.map(
    (value, i) => (value - referenceLogProbabilities[i]!) * responseMask[i]!,
  );
  const penalties = logRatios.map((logRatio) => -beta * logRatio);
  const mask = Array.from(responseMask, (value) => value === 1);
  let rewards: ArrayLike<number> = Float64Array.from(penalties, (penalty, i) => {
    const row = Math.floor(i / responseTokens);
    const isLast = i === at(row, sequences[row]!.responseTokens.length - 1);
    return penalty + (isLast ? scores[row]! : 0);
  });
  if (settings.whitenRewards) rewards = whiten(rewards, { shiftMean: false, mask });

  // 5. Advantages and returns, sequence by sequence.
  const advantages = new Float64Array(size * responseTokens);
  for (let row = 0; row < size; row++) {
    const span = [at(row, 0), at(row + 1, 0)] as const;
    advantages.set(
      generalisedAdvantages(Array.prototype.slice.call(rewards, ...span), oldValues.subarray(...span), {
        ...settings,
        responseMask: mask.slice(...span),
      }),
      span[0],
    );
  }
  const returns = Float32Array.from(
    advantages,
    (advantage, i) => (advantage + oldValues[i]!) * responseMask[i]!,
  );

  const perSequence = (values: ArrayLike<number>): number =>
    Array.from(values).reduce((a, b) => a + b, 0) / size;
  const scoreMean = perSequence(scores);
  const penaltyMean = perSequence(penalties);
  return {
    size,
    length,
    responseTokens,
    tokens,
    responseMask,
    oldLogProbabilities,
    oldValues,
    advantages: Float32Array.from(whiten(advantages, { shiftMean: true, mask })),
    returns,
    metrics: {
      'objective/kl': perSequence(logRatios),
      'objective/entropy': -perSequence(oldLogProbabilities.map((value, i) => value * responseMask[i]!)),
      'objective/scores': scoreMean,
      'objective/non_score_reward': penaltyMean,
      'objective/rlhf_reward': scoreMean + penaltyMean,
      'val/engine_gap': generation.logProbabilities.reduce(
        (gap, values, row) =>
          values.reduce(
            (rowGap, value, t) => Math.max(rowGap, Math.abs(value - oldLogProbabilities[at(row, t)]!)),
            gap,
          ),
        0,
      ),
    },
  };
}

interface Chunks {
  readonly tokens: Int32Array;
  readonly size: number;
  readonly length: number;
  readonly minibatch: number;
  readonly breathe: () => Promise<void>;
}

/** What the trainer's program computes of the sequences before any update, each [B · R]. */
async function oldOutputs(
  trainer: Pick<Trainer, 'evaluate'>,
  { tokens, size, length, minibatch, breathe }: Chunks,
  responseTokens: number,
): Promise<{ logProbabilities: Float32Array; values: Float32Array }> {
  const logProbabilities = new Float32Array(size * responseTokens);
  const values = new Float32Array(size * responseTokens);
  // Inputs that the outputs do not depend on, but without which there is no update.
  const zeros = (): tf.Tensor => tf.zeros([minibatch, responseTokens]);
  const unused = { oldLogProbabilities: zeros(), oldValues: zeros(), advantages: zeros(), returns: zeros() };
  const responseMask = tf.ones([minibatch, responseTokens]);
  for (let start = 0; start < size; start += minibatch) {
    const rows = tf.tensor2d(
      tokens.subarray(start * length, (start + minibatch) * length),
      [minibatch, length],
      'int32',
    );
    const { outputs } = trainer.evaluate({ tokens: rows, responseMask, ...unused });
    rows.dispose();
    logProbabilities.set(outputs['logProbabilities']!, start * responseTokens);
    values.set(outputs['values']!, start * responseTokens);
    await breathe();
  }
  tf.dispose([responseMask, Object.values(unused)]);
  return { logProbabilities, values };
}

/** log π of many responses, [B · R], `minibatch` rows at a time; the rows must divide into minibatches. */
export async function logProbabilities(
  parameters: Parameters,
  model: ModelConfiguration,
  { tokens, size, length, minibatch, breathe }: Chunks,
  shape: ResponseShape,
): Promise<Float32Array> {
  const responseTokens = length - shape.promptLength;
  const all = new Float32Array(size * responseTokens);
  for (let start = 0; start < size; start += minibatch) {
    const rows = tokens.subarray(start * length, (start + minibatch) * length);
    const result = tf.tidy(() =>
      responseLogProbabilities(parameters, model, tf.tensor2d(rows, [minibatch, length], 'int32'), shape),
    );
    all.set(result.dataSync(), start * responseTokens);
    result.dispose();
    await breathe();
  }
  return all;
}
