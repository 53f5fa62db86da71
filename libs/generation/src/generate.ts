/**
 * Sampling from a language model with cached keys and values: one pass over the left-padded prompts, then one token at
 * a time. Randomness comes in from outside, so a response depends on its prompt and its own uniforms; the rows beside
 * it change rounding only.
 *
 * B prompts of a shard, T longest prompt, R response tokens, V vocabulary.
 */
import { tf, type Tensor, type Tensor1D, type Tensor2D } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import {
  forwardCached,
  logits,
  tokenLogProbabilities,
  type LayerCache,
  type Parameters,
} from '@plumbline/model';

export interface GenerationRequest {
  /** At least one token each; shorter ones are padded on the left. */
  readonly promptTokens: readonly (readonly number[])[];
  /** Tokens to sample after every prompt. */
  readonly responseTokens: number;
  /** Divides the logits; 0 chooses the likeliest token each time. */
  readonly temperature: number;
  /** In [0, 1): one for every prompt (major) and response token; see `responseUniforms`. Not read when greedy. */
  readonly uniforms?: Float32Array;
  /** Prompts a shard; the last one is filled up with copies of a prompt. Absent: all at once. */
  readonly shard?: number;
  /** Awaited between tokens, so that a long generation does not hold up the event loop. */
  readonly breathe?: () => Promise<void>;
}

export interface Generation {
  /** Responses, [prompts][responseTokens]. */
  readonly tokens: number[][];
  /** Log-probability (nats) of each token under the distribution it was drawn from. */
  readonly logProbabilities: number[][];
}

/** The model gave NaN or infinite logits. */
export class NonFiniteLogitsError extends Error {
  override readonly name = 'NonFiniteLogitsError';
}

/**
 * Samples `responseTokens` tokens after each prompt.
 *
 * @throws RangeError when a prompt is empty or does not fit the context, or the uniforms do not match.
 * @throws NonFiniteLogitsError naming the position, before anything is drawn from it.
 */
export async function generate(
  parameters: Parameters,
  config: ModelConfiguration,
  request: GenerationRequest,
): Promise<Generation> {
  checkRequest(config, request);
  const { promptTokens, responseTokens, uniforms } = request;
  const size = request.shard ?? promptTokens.length;
  const tokens: number[][] = [];
  const logProbabilities: number[][] = [];
  for (let start = 0; start < promptTokens.length; start += size) {
    const count = Math.min(size, promptTokens.length - start);
    const rows = Array.from({ length: size }, (_, row) => start + Math.min(row, count - 1));
    const shard = await generateShard(parameters, config, {
      ...request,
      promptTokens: rows.map((row) => promptTokens[row]!),
      uniforms: uniforms && gatherRows(uniforms, rows, responseTokens),
    });
    tokens.push(...shard.tokens.slice(0, count));
    logProbabilities.push(...shard.logProbabilities.slice(0, count));
  }
  return { tokens, logProbabilities };
}

async function generateShard(
  parameters: Parameters,
  config: ModelConfiguration,
  { promptTokens, responseTokens, temperature, uniforms, breathe }: GenerationRequest,
): Promise<Generation> {
  const batch = promptTokens.length;
  const padded = leftPad(promptTokens);
  const tokens = promptTokens.map((): number[] => []);
  const logProbabilities = promptTokens.map((): number[] => []);

  let cache: LayerCache[] = [];
  let input: Tensor2D = tf.tensor2d(padded.tokens, [batch, padded.length], 'int32');
  try {
    for (let step = 0; step < responseTokens; step++) {
      const next = decodeStep(parameters, config, {
        input,
        cache,
        positions: step === 0 ? padded.positions : padded.lengths.map((length) => length + step - 1),
        padding: padded.padding,
        temperature,
        uniforms: columnOf(temperature > 0 ? uniforms : undefined, step, responseTokens, batch),
      });
      tf.dispose([input, cache.map(({ keys, values }) => [keys, values])]);
      ({ cache, input } = next);
      const drawn = next.input.dataSync();
      const chosen = next.logProbabilities.dataSync();
      next.logProbabilities.dispose();
      for (let row = 0; row < batch; row++) {
        if (!Number.isFinite(chosen[row])) {
          throw new NonFiniteLogitsError(
            `row ${row}: the model's logits for response token ${step} are not finite`,
          );
        }
        tokens[row]!.push(drawn[row]!);
        logProbabilities[row]!.push(chosen[row]!);
      }
      await breathe?.();
    }
  } finally {
    tf.dispose([input, cache.map(({ keys, values }) => [keys, values])]);
  }
  return { tokens, logProbabilities };
}

interface DecodeStep {
  /** [B, T] for the prompts, then [B, 1]. */
  readonly input: Tensor2D;
  readonly cache: readonly LayerCache[];
  /** One for each input token. */
  readonly positions: readonly number[];
  /** Padding tokens at the start of each row. */
  readonly padding: readonly number[];
  readonly temperature: number;
  readonly uniforms: Float32Array | null;
}

interface DecodedToken {
  readonly cache: LayerCache[];
  /** The tokens drawn, [B, 1]. */
  readonly input: Tensor2D;
  /** [B]; NaN in rows whose logits are not finite. */
  readonly logProbabilities: Tensor1D;
}

function decodeStep(parameters: Parameters, config: ModelConfiguration, step: DecodeStep): DecodedToken {
  const { input, cache, padding } = step;
  const result = tf.tidy(() => {
    const [batch, length] = input.shape;
    const past = cache[0]?.keys.shape[2] ?? 0;
    const { hidden, cache: grown } = forwardCached(parameters, config, input, cache, {
      positions: tf.tensor2d([...step.positions], [batch, length], 'int32'),
      attentionMask: padding.some((count) => count > 0) ? attentionMask(padding, past + length) : undefined,
    });
    const last = hidden.slice([0, length - 1], [batch, 1]).reshape([batch, config.width]);
    const { tokens, logProbabilities } = draw(
      logits(parameters, last) as Tensor2D,
      step.temperature,
      step.uniforms,
    );
    return { cache: grown, input: tokens.reshape([batch, 1]), logProbabilities };
  });
  return result as DecodedToken;
}

/**
 * One token a row by inverting the distribution function at the row's uniform: the number of tokens whose cumulated
 * probability does not exceed it. Logits [B, V].
 */
function draw(
  tokenLogits: Tensor2D,
  temperature: number,
  uniforms: Float32Array | null,
): { tokens: Tensor1D; logProbabilities: Tensor1D } {
  const vocabulary = tokenLogits.shape[1];
  const scaled = uniforms ? tokenLogits.div(temperature) : tokenLogits;
  const tokens = uniforms
    ? inverseCumulative(tf.softmax(scaled), uniforms, vocabulary)
    : tf.argMax<Tensor1D>(scaled, 1).toInt();
  return { tokens, logProbabilities: tokenLogProbabilities(scaled, tokens) as Tensor1D };
}

function inverseCumulative(probabilities: Tensor, uniforms: Float32Array, vocabulary: number): Tensor1D {
  const cumulative = tf.cumsum(probabilities, 1);
  // Scaled by the rounded total, so that the largest uniform still falls on a token.
  const total = cumulative.slice([0, vocabulary - 1], [-1, 1]);
  const threshold = tf.tensor2d(uniforms, [uniforms.length, 1]).mul(total);
  return cumulative
    .lessEqual(threshold)
    .toFloat()
    .sum(1)
    .minimum(vocabulary - 1)
    .toInt() as Tensor1D;
}

/** 1 where there is a token, [B, total]. */
function attentionMask(padding: readonly number[], total: number): Tensor2D {
  const mask = new Float32Array(padding.length * total).fill(1);
  padding.forEach((count, row) => mask.fill(0, row * total, row * total + count));
  return tf.tensor2d(mask, [padding.length, total]);
}

function leftPad(prompts: readonly (readonly number[])[]): {
  length: number;
  tokens: Int32Array;
  positions: number[];
  padding: number[];
  lengths: number[];
} {
  const lengths = prompts.map((prompt) => prompt.length);
  const length = Math.max(...lengths);
  const padding = lengths.map((each) => length - each);
  const tokens = new Int32Array(prompts.length * length);
  const positions = new Array<number>(tokens.length).fill(0);
  prompts.forEach((prompt, row) => {
    prompt.forEach((token, i) => {
      tokens[row * length + padding[row]! + i] = token;
      positions[row * length + padding[row]! + i] = i;
    });
  });
  return { length, tokens, positions, padding, lengths };
}

function columnOf(
  uniforms: Float32Array | undefined,
  column: number,
  width: number,
  rows: number,
): Float32Array | null {
  return uniforms ? Float32Array.from({ length: rows }, (_, row) => uniforms[row * width + column]!) : null;
}

function gatherRows(values: Float32Array, rows: readonly number[], width: number): Float32Array {
  const gathered = new Float32Array(rows.length * width);
  rows.forEach((row, i) => gathered.set(values.subarray(row * width, (row + 1) * width), i * width));
  return gathered;
}

function checkRequest(config: ModelConfiguration, request: GenerationRequest): void {
  const { promptTokens, responseTokens, temperature, uniforms } = request;
  promptTokens.forEach((prompt, row) => {
    if (prompt.length === 0) throw new RangeError(`prompt ${row} is empty`);
    if (prompt.length + responseTokens > config.context) {
      throw new RangeError(
        `prompt ${row}: ${prompt.length} + ${responseTokens} tokens do not fit a context of ${config.context}`,
      );
    }
  });
  if (!(temperature >= 0) || !Number.isFinite(temperature))
    throw new RangeError(`temperature ${temperature}`);
  if (temperature > 0 && uniforms?.length !== promptTokens.length * responseTokens) {
    throw new RangeError(
      `sampling needs ${promptTokens.length} × ${responseTokens} uniforms; ${uniforms?.length ?? 0} were given`,
    );
  }
}
