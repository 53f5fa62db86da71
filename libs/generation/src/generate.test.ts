import { leakedTensors, loadTensorFlow, tf } from '@plumbline/compute';
import { forward, initialise, logits, type Parameters } from '@plumbline/model';
import { beforeAll, describe, expect, it } from 'vitest';
import { generate, NonFiniteLogitsError, responseUniforms } from './index.js';

const CONFIG = { layers: 2, heads: 2, width: 8, context: 16, vocabulary: 24 };
const PROMPTS = [
  [1, 2, 3, 4],
  [5, 6],
  [7, 8, 9],
];
const R = 6;
let parameters: Parameters;

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
  const fresh = initialise(CONFIG, 11);
  parameters = Object.fromEntries(
    Object.entries(fresh).map(([name, value]) => [name, value.mul(name.includes('ln_') ? 1 : 8)]),
  );
});

/** log softmax of the logits after `tokens`, without a cache. */
function nextLogProbabilities(tokens: readonly number[], temperature = 1): number[] {
  return tf.tidy(() => {
    const hidden = forward(parameters, CONFIG, tf.tensor2d([...tokens], [1, tokens.length], 'int32'));
    const rows = tf.logSoftmax(logits(parameters, hidden).div(temperature)).arraySync() as number[][][];
    return rows[0]!.at(-1)!;
  });
}

describe('generate', () => {
  it('chooses greedily what the model without a cache chooses, with prompts of different lengths', async () => {
    const { tokens, logProbabilities } = await generate(parameters, CONFIG, {
      promptTokens: PROMPTS,
      responseTokens: R,
      temperature: 0,
    });
    PROMPTS.forEach((prompt, row) => {
      const sequence = [...prompt];
      for (let step = 0; step < R; step++) {
        const expected = nextLogProbabilities(sequence);
        const best = expected.indexOf(Math.max(...expected));
        expect(tokens[row]![step]).toBe(best);
        expect(logProbabilities[row]![step]).toBeCloseTo(expected[best]!, 4);
        sequence.push(best);
      }
    });
  });

  it('gives a sequence the same tokens in any batch, shard or order', async () => {
    const sample = (rows: number[], shard?: number) =>
      generate(parameters, CONFIG, {
        promptTokens: rows.map((row) => PROMPTS[row]!),
        responseTokens: R,
        temperature: 0.9,
        uniforms: responseUniforms(3, 'test', rows, R),
        shard,
      });
    const together = await sample([0, 1, 2]);
    expect((await sample([0, 1, 2])).tokens).toEqual(together.tokens);
    expect((await sample([2, 0, 1])).tokens).toEqual([2, 0, 1].map((row) => together.tokens[row]));
    expect((await sample([0, 1, 2], 2)).tokens).toEqual(together.tokens);
    expect((await sample([1])).tokens).toEqual([together.tokens[1]]);
  });

  it('draws each token as often as the model says, at the temperature', async () => {
    const draws = 4000;
    const temperature = 0.7;
    const { tokens, logProbabilities } = await generate(parameters, CONFIG, {
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
    const expected = nextLogProbabilities(PROMPTS[0]!, temperature);
    const counts = new Array<number>(CONFIG.vocabulary).fill(0);
    tokens.forEach(([token], i) => {
      counts[token!]!++;
      expect(logProbabilities[i]![0]).toBeCloseTo(expected[token!]!, 4);
    });
    expected.forEach((logProbability, token) => {
      const probability = Math.exp(logProbability);
      const deviation = Math.sqrt((probability * (1 - probability)) / draws);
      expect(Math.abs(counts[token]! / draws - probability)).toBeLessThan(5 * deviation + 1e-3);
    });
  });

  it('covers the ends of the distribution', async () => {
    const { tokens } = await generate(parameters, CONFIG, {
      promptTokens: [[1], [1]],
      responseTokens: 1,
      temperature: 1,
      uniforms: Float32Array.of(0, 1 - 2 ** -24),
    });
    expect(tokens).toEqual([[0], [CONFIG.vocabulary - 1]]);
  });

  it('keeps the tensor count flat', async () => {
    const run = async () => {
      await generate(parameters, CONFIG, {
        promptTokens: PROMPTS,
        responseTokens: R,
        temperature: 1,
        uniforms: responseUniforms(1, 'leak', [0, 1, 2], R),
      });
    };
    expect(await leakedTensors(run)).toBe(0);
  });

  it('refuses to draw from logits that are not finite, and leaks nothing', async () => {
    const broken = { ...parameters, 'ln_f.bias': tf.fill([CONFIG.width], NaN) };
    const leaked = await leakedTensors(async () => {
      await expect(
        generate(broken, CONFIG, {
          promptTokens: [[1]],
          responseTokens: 2,
          temperature: 1,
          uniforms: Float32Array.of(0.5, 0.5),
        }),
      ).rejects.toThrow(NonFiniteLogitsError);
    });
    expect(leaked).toBe(0);
  });

  it('refuses requests that cannot be met', async () => {
    const request = { promptTokens: PROMPTS, responseTokens: R, temperature: 0 };
    await expect(generate(parameters, CONFIG, { ...request, responseTokens: 13 })).rejects.toThrow(
      'prompt 0: 4 + 13 tokens do not fit a context of 16',
    );
    await expect(generate(parameters, CONFIG, { ...request, promptTokens: [[]] })).rejects.toThrow(
      'prompt 0 is empty',
    );
    await expect(generate(parameters, CONFIG, { ...request, temperature: 1 })).rejects.toThrow(
      /3 × 6 uniforms/,
    );
    await expect(generate(parameters, CONFIG, { ...request, temperature: NaN })).rejects.toThrow(RangeError);
  });
});
