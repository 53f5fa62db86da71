/**
 * One iteration's responses: sampled from the policy, scored, and looked at by the policy, the value network and the
 * reference policy. What an optimiser makes of them is its own affair. All in host memory. B sequences, R response
 * positions.
 */
import { tf, type Tensor } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import type { TextGenerator } from '@plumbline/generation';
import { toTensorMap, type Parameters } from '@plumbline/model';
import type { Trainer } from '@plumbline/training';
import { policyParameters } from '../policy/actor-critic.js';
import { lossInputs, type InputShapes } from '../optimisers/loss-inputs.js';
import { responseLogProbabilities, type ResponseShape } from '../policy/policy.js';
import type { Scorer } from '../reward/scorer.js';
import { sequenceRows, type Sequence } from '../sequences.js';

export interface RolloutModels {
  readonly model: ModelConfiguration;
  /** Of the policy, and the value network where there is one, as `actor-critic.ts` names them. */
  readonly trainer: Pick<Trainer, 'parameters' | 'evaluate'>;
  /** Its log-probabilities of `tokens` [rows, length], [rows, R]. */
  readonly reference: (tokens: Tensor) => Tensor;
  /** Takes the policy's weights of the moment. */
  readonly generator: TextGenerator;
  readonly scorer: Scorer;
}

export interface RolloutRequest {
  /** [B], equally long; several responses to one prompt are neighbours. */
  readonly prompts: readonly (readonly number[])[];
  readonly responsesPerPrompt: number;
  readonly responseTokens: number;
  readonly temperature: number;
  /** [B · R] */
  readonly uniforms: Float32Array;
  readonly endOfText: number;
  /** Sequences a program call: as many as the trainer's micro-batches have. */
  readonly rows: number;
  /** Micro-batches an update. */
  readonly microBatches: number;
  /** What the loss takes beside tokens, response mask and old log-probabilities. */
  readonly inputs: InputShapes;
  readonly breathe: () => Promise<void>;
}

/** Matrices are [B · R], row by row; positions after the end of a response hold numbers without meaning. */
export interface Rollout {
  /** B */
  readonly size: number;
  /** Responses to the same prompt, next to each other. */
  readonly responsesPerPrompt: number;
  /** Positions of a sequence: prompt and response. */
  readonly length: number;
  readonly responseTokens: number;
  readonly sequences: readonly Sequence[];
  /** [B · length] */
  readonly tokens: Int32Array;
  /** 1 = a token of the response, 0 = sampled after its end. */
  readonly responseMask: Float32Array;
  readonly oldLogProbabilities: Float32Array;
  /** Of the value network before each token; null where there is none. */
  readonly oldValues: Float32Array | null;
  readonly referenceLogProbabilities: Float32Array;
  /** As the scorer gave them, [B]. */
  readonly scores: Float32Array;
  /** Log-probability of each token as the rollout engine had it; shorter rows than R where the response ended. */
  readonly engineLogProbabilities: readonly (readonly number[])[];
  /** What it took: sampling the responses, and all that looks at them. */
  readonly seconds: { readonly sampling: number; readonly scoring: number };
}

export async function collectRollout(models: RolloutModels, request: RolloutRequest): Promise<Rollout> {
  const { trainer, reference, generator, scorer } = models;
  const { prompts, responsesPerPrompt, responseTokens, temperature, breathe, rows } = request;
  const size = prompts.length;
  const promptLength = prompts[0]!.length;
  const length = promptLength + responseTokens;

  // 1. Responses from the policy.
  const began = performance.now();
  await generator.update(toTensorMap(policyParameters(trainer.parameters)));
  const generation = await generator.generate({
    promptTokens: prompts,
    responseTokens,
    temperature,
    uniforms: request.uniforms,
    stopToken: request.endOfText,
    shard: rows,
    breathe,
  });
  const sampled = performance.now();
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
  const chunks = { tokens, size, length, rows, breathe };
  const old = await oldOutputs(trainer, chunks, request, responseTokens);
  const referenceLogProbabilities = await inChunks(reference, chunks, responseTokens);

  // 3. Scores.
  const scores = await scorer.score(sequences, { breathe });

  return {
    size,
    responsesPerPrompt,
    length,
    responseTokens,
    sequences,
    tokens,
    responseMask,
    oldLogProbabilities: old.logProbabilities,
    oldValues: old.values,
    referenceLogProbabilities,
    scores,
    engineLogProbabilities: generation.logProbabilities,
    seconds: { sampling: (sampled - began) / 1000, scoring: (performance.now() - sampled) / 1000 },
  };
}

/** Sequences of one length, looked at some rows at a time; the rows must divide the sequences. */
export interface Chunks {
  /** [size · length] */
  readonly tokens: Int32Array;
  readonly size: number;
  readonly length: number;
  readonly rows: number;
  readonly breathe: () => Promise<void>;
}

/** What the trainer's program computes of the sequences before any update, each [B · R]. */
async function oldOutputs(
  trainer: Pick<Trainer, 'evaluate'>,
  { tokens, size, length, rows, breathe }: Chunks,
  { inputs, microBatches }: Pick<RolloutRequest, 'inputs' | 'microBatches'>,
  responseTokens: number,
): Promise<{ logProbabilities: Float32Array; values: Float32Array | null }> {
  const logProbabilities = new Float32Array(size * responseTokens);
  let values: Float32Array | null = null;
  // Inputs that the outputs do not depend on, but without which there is no update.
  const unused = lossInputs(inputs, rows, responseTokens);
  const responseMask = tf.ones([rows, responseTokens]);
  for (let start = 0; start < size; start += rows * microBatches) {
    const batches = Array.from({ length: microBatches }, (_, part) => {
      const from = start + part * rows;
      const chunk = tokens.subarray(from * length, (from + rows) * length);
      return { tokens: tf.tensor2d(chunk, [rows, length], 'int32'), responseMask, ...unused };
    });
    const { outputs } = trainer.evaluate(batches);
    tf.dispose(batches.map((batch) => batch.tokens));
    logProbabilities.set(outputs['logProbabilities']!, start * responseTokens);
    if (outputs['values']) {
      values ??= new Float32Array(size * responseTokens);
      values.set(outputs['values'], start * responseTokens);
    }
    await breathe();
  }
  tf.dispose([responseMask, Object.values(unused)]);
  return { logProbabilities, values };
}

/** log π of many responses, [B · R], `rows` at a time. */
export function logProbabilities(
  parameters: Parameters,
  model: ModelConfiguration,
  chunks: Chunks,
  shape: ResponseShape,
): Promise<Float32Array> {
  return inChunks(
    (tokens) => tf.tidy(() => responseLogProbabilities(parameters, model, tokens, shape)),
    chunks,
    chunks.length - shape.promptLength,
  );
}

/** What `forward` gives of the sequences, [rows, R] at a time, as [B · R]. */
async function inChunks(
  forward: (tokens: Tensor) => Tensor,
  { tokens, size, length, rows, breathe }: Chunks,
  responseTokens: number,
): Promise<Float32Array> {
  const all = new Float32Array(size * responseTokens);
  for (let start = 0; start < size; start += rows) {
    const chunk = tf.tensor2d(
      tokens.subarray(start * length, (start + rows) * length),
      [rows, length],
      'int32',
    );
    const result = forward(chunk);
    all.set(result.dataSync(), start * responseTokens);
    tf.dispose([chunk, result]);
    await breathe();
  }
  return all;
}
