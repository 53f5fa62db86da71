import type { TensorMap } from '@plumbline/artifacts';
import { leakedTensors, loadTensorFlow, tf } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { forward, fromTensorMap, initialise, logits, toTensorMap, type Parameters } from '@plumbline/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createGenerator,
  NonFiniteLogitsError,
  responseUniforms,
  type EngineName,
  type GenerationRequest,
  type TextGenerator,
} from './index.js';

const CONFIG: ModelConfiguration = { layers: 2, heads: 2, width: 16, context: 16, vocabulary: 24 };
const PROMPTS = [
  [1, 2, 3, 4],
  [5, 6],
  [7, 8, 9],
];
const R = 6;
const ENGINES: EngineName[] = ['onnx', 'tfjs'];

/** Weights far enough from zero that the tokens' probabilities differ. */
function weightsOf(config: ModelConfiguration, seed: number): TensorMap {
  const fresh = initialise(config, seed);
  const scaled = tf.tidy(() =>
    Object.fromEntries(
      Object.entries(fresh).map(([name, value]) => [name, value.mul(name.includes('ln_') ? 1 : 8)]),
    ),
  );
  const weights = toTensorMap(scaled);
  tf.dispose([fresh, scaled]);
  return weights;
}

/** log softmax of the logits after `tokens`, without a cache. */
function nextLogProbabilities(
  parameters: Parameters,
  config: ModelConfiguration,
  tokens: readonly number[],
  temperature = 1,
): number[] {
  return tf.tidy(() => {
    const hidden = forward(parameters, config, tf.tensor2d([...tokens], [1, tokens.length], 'int32'));
    const rows = tf.logSoftmax(logits(parameters, hidden).div(temperature)).arraySync() as number[][][];
    return rows[0]!.at(-1)!;
  });
}

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
});

describe.each(ENGINES)('generating with %s', (engine) => {
  let weights: TensorMap;
  let parameters: Parameters;
  let generator: TextGenerator;

  beforeAll(async () => {
    weights = weightsOf(CONFIG, 11);
    parameters = fromTensorMap(weights);
    generator = await createGenerator(CONFIG, weights, { engine, threads: 2 });
  });
  afterAll(async () => {
    tf.dispose(Object.values(parameters));
    await generator.dispose();
  });

  it.each<[string, Partial<ModelConfiguration>]>([
    ['tied embeddings and gelu_new', {}],
    ['an output embedding of its own', { tiedEmbeddings: false }],
    ['the exact GELU', { activation: 'gelu' }],
  ])('chooses greedily what the model without a cache chooses: %s', async (_, options) => {
    const config = { ...CONFIG, ...options };
    const model = weightsOf(config, 5);
    const reference = fromTensorMap(model);
    const own = await createGenerator(config, model, { engine, threads: 2 });
    const { tokens, logProbabilities } = await own.generate({
      promptTokens: PROMPTS,
      responseTokens: R,
      temperature: 0,
    });
    PROMPTS.forEach((prompt, row) => {
      const sequence = [...prompt];
      for (let step = 0; step < R; step++) {
        const expected = nextLogProbabilities(reference, config, sequence);
        const best = expected.indexOf(Math.max(...expected));
        expect(tokens[row]![step]).toBe(best);
        expect(Math.abs(logProbabilities[row]![step]! - expected[best]!)).toBeLessThan(1e-4);
        sequence.push(best);
      }
    });
    tf.dispose(Object.values(reference));
    await own.dispose();
  });

  it('gives the log-probabilities of the trainer’s forward pass', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => i);
    const promptTokens = rows.map((row) => PROMPTS[row % PROMPTS.length]!);
    const { tokens, logProbabilities } = await generator.generate({
      promptTokens,
      responseTokens: R,
      temperature: 0.8,
      uniforms: responseUniforms(3, 'forward', rows, R),
    });
    for (const row of rows) {
      const sequence = [...promptTokens[row]!];
      for (let step = 0; step < R; step++) {
        const expected = nextLogProbabilities(parameters, CONFIG, sequence, 0.8)[tokens[row]![step]!]!;
        expect(Math.abs(logProbabilities[row]![step]! - expected)).toBeLessThan(1e-4);
        sequence.push(tokens[row]![step]!);
      }
    }
  });

  it('gives a sequence the same tokens in any batch, shard or order', async () => {
    const sample = async (rows: number[], shard?: number): Promise<number[][]> => {
      const { tokens } = await generator.generate({
        promptTokens: rows.map((row) => PROMPTS[row % PROMPTS.length]!),
        responseTokens: R,
        temperature: 0.9,
        uniforms: responseUniforms(3, 'test', rows, R),
        shard,
      });
      return tokens;
    };
    const all = Array.from({ length: 70 }, (_, i) => i);
    const together = await sample(all);
    expect(await sample(all)).toEqual(together);
    expect(await sample([2, 0, 1])).toEqual([2, 0, 1].map((row) => together[row]));
    expect(await sample(all, 16)).toEqual(together);
    expect(await sample([69])).toEqual([together[69]]);
  });

  it('draws each token as often as the model says, at the temperature', async () => {
    const draws = 4000;
    const temperature = 0.7;
    const { tokens } = await generator.generate({
      promptTokens: Array.from({ length: draws }, () => PROMPTS[0]!),
      responseTokens: 1,
      temperature,
      uniforms: responseUniforms(
        1,
        'frequency',
        Array.from({ length: draws }, (_, i) => i),
        1,
      ),
    });
    const counts = new Array<number>(CONFIG.vocabulary).fill(0);
    for (const [token] of tokens) counts[token!]!++;
    nextLogProbabilities(parameters, CONFIG, PROMPTS[0]!, temperature).forEach((logProbability, token) => {
      const probability = Math.exp(logProbability);
      const deviation = Math.sqrt((probability * (1 - probability)) / draws);
      expect(Math.abs(counts[token]! / draws - probability)).toBeLessThan(5 * deviation + 1e-3);
    });
  });

  it('draws among the tokens that top-k and top-p leave', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => i);
    const expected = nextLogProbabilities(parameters, CONFIG, PROMPTS[0]!).map(Math.exp);
    const likely = [...expected.keys()].sort((a, b) => expected[b]! - expected[a]!).slice(0, 3);
    const sum = likely.reduce((total, token) => total + expected[token]!, 0);
    const { tokens, logProbabilities } = await generator.generate({
      promptTokens: rows.map(() => PROMPTS[0]!),
      responseTokens: 1,
      temperature: 1,
      topK: 3,
      uniforms: responseUniforms(1, 'top-k', rows, 1),
    });
    expect(new Set(tokens.flat())).toEqual(new Set(likely));
    tokens.forEach(([token], row) => {
      expect(Math.abs(logProbabilities[row]![0]! - Math.log(expected[token!]! / sum))).toBeLessThan(1e-4);
    });
  });

  it('covers the ends of the distribution', async () => {
    const { tokens } = await generator.generate({
      promptTokens: [[1], [1]],
      responseTokens: 1,
      temperature: 1,
      uniforms: Float32Array.of(0, 1 - 2 ** -24),
    });
    expect(tokens).toEqual([[0], [CONFIG.vocabulary - 1]]);
  });

  it('ends a response with the stop token, and stops when all have ended', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => i);
    let steps = 0;
    const request: GenerationRequest = {
      promptTokens: rows.map(() => [1, 2]),
      responseTokens: 12,
      temperature: 1,
      uniforms: responseUniforms(1, 'stop', rows, 12),
    };
    const full = await generator.generate(request);
    const stop = full.tokens[0]![3]!;
    const stopped = await generator.generate({ ...request, stopToken: stop });
    full.tokens.forEach((tokens, row) => {
      const end = tokens.indexOf(stop);
      expect(stopped.tokens[row]).toEqual(end < 0 ? tokens : tokens.slice(0, end + 1));
      expect(stopped.logProbabilities[row]).toHaveLength(stopped.tokens[row]!.length);
    });
    await generator.generate({
      promptTokens: [[1, 2]],
      responseTokens: 12,
      temperature: 0,
      stopToken: [...Array(CONFIG.vocabulary).keys()],
      breathe: () => {
        steps++;
        return Promise.resolve();
      },
    });
    expect(steps).toBe(1);
  });

  it('takes new weights', async () => {
    const other = weightsOf(CONFIG, 12);
    const request = { promptTokens: PROMPTS, responseTokens: R, temperature: 0 };
    const own = await createGenerator(CONFIG, weights, { engine, threads: 1 });
    const first = await own.generate(request);
    await own.update(other);
    const second = await own.generate(request);
    const fresh = await createGenerator(CONFIG, other, { engine, threads: 1 });
    expect(second).toEqual(await fresh.generate(request));
    expect(second.tokens).not.toEqual(first.tokens);
    await own.dispose();
    await fresh.dispose();
  });

  it('can be cancelled, tells how far it is, and goes on afterwards', async () => {
    const cancel = new AbortController();
    const done: number[] = [];
    const request: GenerationRequest = {
      promptTokens: [...PROMPTS, ...PROMPTS],
      responseTokens: R,
      temperature: 0,
      shard: 2,
      progress: (progress) => done.push(progress.done),
    };
    const cancelled = generator.generate({
      ...request,
      signal: cancel.signal,
      breathe: () => {
        if (done.length === 1) cancel.abort(new Error('enough'));
        return Promise.resolve();
      },
    });
    await expect(cancelled).rejects.toThrow('enough');
    expect(done).toEqual([2]);
    done.length = 0;
    await generator.generate(request);
    expect(done).toEqual([2, 4, 6]);
  });

  it('keeps the tensor count flat', async () => {
    const run = async (): Promise<void> => {
      await generator.generate({
        promptTokens: PROMPTS,
        responseTokens: R,
        temperature: 1,
        uniforms: responseUniforms(1, 'leak', [0, 1, 2], R),
      });
    };
    expect(await leakedTensors(run)).toBe(0);
  });

  it('refuses to draw from logits that are not finite', async () => {
    const broken = {
      ...weights,
      'ln_f.bias': { ...weights['ln_f.bias']!, data: new Float32Array(16).fill(NaN) },
    };
    const own = await createGenerator(CONFIG, broken, { engine, threads: 2 });
    const request = { promptTokens: PROMPTS, responseTokens: 2, uniforms: new Float32Array(6).fill(0.5) };
    await expect(own.generate({ ...request, temperature: 1 })).rejects.toThrow(NonFiniteLogitsError);
    await expect(own.generate({ ...request, temperature: 0 })).rejects.toThrow(NonFiniteLogitsError);
    await own.dispose();
  });

  it('refuses requests that cannot be met', async () => {
    const request = { promptTokens: PROMPTS, responseTokens: R, temperature: 0 };
    await expect(generator.generate({ ...request, responseTokens: 13 })).rejects.toThrow(
      'prompt 0: 4 + 13 tokens do not fit a context of 16',
    );
    await expect(generator.generate({ ...request, promptTokens: [[]] })).rejects.toThrow('prompt 0 is empty');
    await expect(generator.generate({ ...request, promptTokens: [[24]] })).rejects.toThrow(/token 24/);
    await expect(generator.generate({ ...request, temperature: 1 })).rejects.toThrow(/3 × 6 uniforms/);
    await expect(generator.generate({ ...request, temperature: NaN })).rejects.toThrow(RangeError);
    await expect(generator.generate({ ...request, topP: 0 })).rejects.toThrow('top-p 0');
    await expect(generator.generate({ ...request, topK: -1 })).rejects.toThrow('top-k -1');
    const missing = Object.fromEntries(Object.entries(weights).slice(1));
    await expect(createGenerator(CONFIG, missing, { engine })).rejects.toThrow(/is missing/);
  });
});

describe('engines', () => {
  it('leave heads that ONNX Runtime does not take to TensorFlow', async () => {
    const config = { ...CONFIG, heads: 4 };
    const generator = await createGenerator(config, weightsOf(config, 1), { engine: 'onnx' });
    expect(generator.engine).toBe('tfjs');
    await generator.dispose();
  });

  it('draw the same responses', async () => {
    const weights = weightsOf(CONFIG, 3);
    const rows = Array.from({ length: 33 }, (_, i) => i);
    const request: GenerationRequest = {
      promptTokens: rows.map((row) => PROMPTS[row % 3]!),
      responseTokens: R,
      temperature: 1,
      topK: 10,
      topP: 0.9,
      uniforms: responseUniforms(5, 'engines', rows, R),
    };
    const [ours, theirs] = await Promise.all(
      ENGINES.map(async (engine) => {
        const generator = await createGenerator(CONFIG, weights, { engine, threads: 2 });
        const generation = await generator.generate(request);
        await generator.dispose();
        return generation;
      }),
    );
    expect(ours!.tokens).toEqual(theirs!.tokens);
    const gaps = ours!.logProbabilities.flatMap((row, i) =>
      row.map((value, j) => Math.abs(value - theirs!.logProbabilities[i]![j]!)),
    );
    expect(Math.max(...gaps)).toBeLessThan(1e-4);
  });
});
