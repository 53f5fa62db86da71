/** What a text generator is asked for and gives back, whatever engine runs the model. */
import type { ModelConfiguration } from '@plumbline/contracts';

export interface GenerationRequest {
  /** At least one token each; lengths may differ. */
  readonly promptTokens: readonly (readonly number[])[];
  /** Tokens to sample after every prompt, at most. */
  readonly responseTokens: number;
  /** Divides the logits; 0 chooses the likeliest token each time. */
  readonly temperature: number;
  /** Draw only among the k likeliest tokens; absent or 0: all. After temperature. */
  readonly topK?: number;
  /** Draw only among the fewest likeliest tokens that have at least this probability together; absent or 1: all. After top-k. */
  readonly topP?: number;
  /** In [0, 1): one for every prompt (major) and response token; see `responseUniforms`. Not read when greedy. */
  readonly uniforms?: Float32Array;
  /** A response ends with the first of these. Absent: none ends early. */
  readonly stopToken?: number | readonly number[];
  /** Prompts a shard; the last one is filled up with copies of a prompt. Absent: all at once. Shape decides rounding. */
  readonly shard?: number;
  /** Awaited between tokens, so that a long generation does not hold up the event loop. Throwing cancels. */
  readonly breathe?: () => Promise<void>;
  /** Cancels between tokens: `generate` rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Told after each shard. */
  readonly progress?: (done: GenerationProgress) => void;
}

export interface GenerationProgress {
  /** Prompts whose response is there. */
  readonly done: number;
  readonly total: number;
}

export interface Generation {
  /** Responses, [prompts][at most responseTokens]; shorter ones end with a stop token. */
  readonly tokens: number[][];
  /** Log-probability (nats) of each token under the distribution it was drawn from. */
  readonly logProbabilities: number[][];
}

/** The model gave NaN or infinite logits. */
export class NonFiniteLogitsError extends Error {
  override readonly name = 'NonFiniteLogitsError';
}

/** One shard of a request: every row is computed, only the first `count` are asked for. */
export interface Shard {
  readonly promptTokens: readonly (readonly number[])[];
  /** [rows · responseTokens]; null when greedy. */
  readonly uniforms: Float32Array | null;
  readonly count: number;
}

/** @throws RangeError when a prompt is empty or does not fit the context, or a number is out of its range. */
export function checkRequest(config: ModelConfiguration, request: GenerationRequest): void {
  const { promptTokens, responseTokens, temperature, uniforms, topK = 0, topP = 1, shard } = request;
  checkCount('responseTokens', responseTokens);
  if (shard !== undefined) checkCount('shard', shard);
  promptTokens.forEach((prompt, row) => {
    if (prompt.length === 0) throw new RangeError(`prompt ${row} is empty`);
    if (prompt.length + responseTokens > config.context) {
      throw new RangeError(
        `prompt ${row}: ${prompt.length} + ${responseTokens} tokens do not fit a context of ${config.context}`,
      );
    }
    for (const token of prompt) {
      if (!(Number.isInteger(token) && token >= 0 && token < config.vocabulary)) {
        throw new RangeError(
          `prompt ${row}: token ${token} is not in a vocabulary of ${config.vocabulary} tokens`,
        );
      }
    }
  });
  if (!(temperature >= 0) || !Number.isFinite(temperature))
    throw new RangeError(`temperature ${temperature}`);
  if (!Number.isInteger(topK) || topK < 0) throw new RangeError(`top-k ${topK}`);
  if (!(topP > 0 && topP <= 1)) throw new RangeError(`top-p ${topP}`);
  if (temperature > 0 && uniforms?.length !== promptTokens.length * responseTokens) {
    throw new RangeError(
      `sampling needs ${promptTokens.length} × ${responseTokens} uniforms; ${uniforms?.length ?? 0} were given`,
    );
  }
}

/** The shards of a request, in order; all of one size. */
export function* shardsOf(request: GenerationRequest): Generator<Shard> {
  const { promptTokens, responseTokens, temperature, uniforms } = request;
  const size = request.shard ?? promptTokens.length;
  for (let start = 0; start < promptTokens.length; start += size) {
    const count = Math.min(size, promptTokens.length - start);
    const rows = Array.from({ length: size }, (_, row) => start + Math.min(row, count - 1));
    yield {
      promptTokens: rows.map((row) => promptTokens[row]!),
      uniforms: uniforms && temperature > 0 ? gatherRows(uniforms, rows, responseTokens) : null,
      count,
    };
  }
}

export function stopTokens({ stopToken }: GenerationRequest): ReadonlySet<number> {
  return new Set(typeof stopToken === 'number' ? [stopToken] : stopToken);
}

function gatherRows(values: Float32Array, rows: readonly number[], width: number): Float32Array {
  const gathered = new Float32Array(rows.length * width);
  rows.forEach((row, i) => gathered.set(values.subarray(row * width, (row + 1) * width), i * width));
  return gathered;
}

function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`${name} ${value}`);
}
