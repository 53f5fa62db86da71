import { compile, leakedTensors, loadTensorFlow, tf, type Tensor } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  dropout,
  dropoutSeed,
  forward,
  forwardCached,
  initialise,
  mapValues,
  type Parameters,
} from './index.js';

const CONFIG: ModelConfiguration = { layers: 2, heads: 2, width: 8, context: 12, vocabulary: 20 };
let parameters: Parameters;
let tokens: Tensor;

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
  parameters = initialise(CONFIG, 1);
  tokens = tf.tensor2d([[1, 2, 3, 4, 5]], [1, 5], 'int32');
});

const seeded = (seed: number) => ({ seed: tf.scalar(seed, 'int32') });

/** 1 where the element was kept. */
function kept(size: number, rate: number, site: number, seed: number): Float32Array {
  return dropout(tf.ones([size]), rate, site, seeded(seed))
    .notEqual(0)
    .toFloat()
    .dataSync<'float32'>();
}

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, b) => a + b, 0) / values.length;
}

/** Pearson's correlation of two masks. */
function correlation(a: Float32Array, b: Float32Array): number {
  const [p, q] = [mean(a), mean(b)];
  const both = mean(a.map((value, i) => value * b[i]!));
  return (both - p * q) / Math.sqrt(p * (1 - p) * q * (1 - q));
}

describe('dropout', () => {
  const SIZE = 200_000;

  it.each([0.1, 0.5, 0.9])('drops a share of %s and scales the rest so that the mean stays', (rate) => {
    const values = dropout(tf.fill([SIZE], 3), rate, 0, seeded(7)).dataSync();
    expect(new Set(values)).toEqual(new Set([0, Math.fround(3 * Math.fround(1 / (1 - rate)))]));
    const deviation = Math.sqrt((rate * (1 - rate)) / SIZE);
    expect(Math.abs(mean(values.map((value) => Number(value === 0))) - rate)).toBeLessThan(4 * deviation);
    expect(Math.abs(mean(values) / 3 - 1)).toBeLessThan((4 * deviation) / (1 - rate));
  });

  it('is a function of seed, site and element', () => {
    const mask = kept(1000, 0.3, 2, 5);
    expect(kept(1000, 0.3, 2, 5)).toEqual(mask);
    expect(kept(1000, 0.3, 3, 5)).not.toEqual(mask);
    expect(kept(1000, 0.3, 2, 6)).not.toEqual(mask);
    expect(kept(500, 0.3, 2, 5)).toEqual(mask.slice(0, 500));
  });

  it('drops independently of neighbours, of other sites and of other seeds', () => {
    const mask = kept(SIZE, 0.25, 1, 11);
    const bound = 4 / Math.sqrt(SIZE);
    for (const lag of [1, 2, 3, 4, 8, 64, 128, 1024]) {
      expect(Math.abs(correlation(mask.slice(lag), mask.slice(0, -lag))), `lag ${lag}`).toBeLessThan(bound);
    }
    for (const [site, seed] of [
      [1, 12],
      [1, 10],
      [1, -11],
      [2, 11],
      [0, 11],
      [3, 11],
      [2, 12],
      [2, 10],
    ] as const) {
      const other = kept(SIZE, 0.25, site, seed);
      expect(Math.abs(correlation(mask, other)), `site ${site}, seed ${seed}`).toBeLessThan(bound);
    }
  });

  it('drops about as many in every row and column of a square', () => {
    const side = 256;
    const square = tf.tensor2d(kept(side * side, 0.5, 4, 3), [side, side]);
    for (const axis of [0, 1]) {
      // Each count is binomial with variance n/4; the sum of squares over 256 of them is chi-squared.
      const counts = square.sum(axis).sub(side / 2);
      const chiSquared = counts
        .square()
        .div(side / 4)
        .sum()
        .dataSync()[0]!;
      expect(Math.abs(chiSquared - side)).toBeLessThan(4 * Math.sqrt(2 * side));
    }
  });

  it('passes the gradient to what it kept, scaled alike', () => {
    const x = tf.linspace(-1, 1, 50);
    const gradient = tf.grad((value) => dropout(value, 0.4, 1, seeded(9)))(x);
    expect(gradient.dataSync()).toEqual(dropout(tf.ones([50]), 0.4, 1, seeded(9)).dataSync());
  });

  it('drops the same in a compiled program', () => {
    const program = compile((seed) => [dropout(tf.ones([3000]), 0.2, 5, { seed: seed })], { name: 'test' });
    for (const seed of [1, -1, 2 ** 31 - 1]) {
      const [compiled] = program(tf.scalar(seed, 'int32'));
      expect(compiled!.dataSync()).toEqual(dropout(tf.ones([3000]), 0.2, 5, seeded(seed)).dataSync());
    }
    expect(program.mode()).toBe('compiled');
    program.dispose();
  });

  it('leaves only its result', async () => {
    const x = tf.ones([4, 4]);
    const options = seeded(1);
    expect(await leakedTensors(() => dropout(x, 0.5, 0, options).dispose())).toBe(0);
  });
});

describe('dropoutSeed', () => {
  it('gives each update an int32 of its own', () => {
    const seeds = Array.from({ length: 5000 }, (_, index) => dropoutSeed(1, 'pretrain', index));
    expect(new Set(seeds).size).toBe(5000);
    expect(seeds.every((seed) => seed === (seed | 0))).toBe(true);
    // Every bit is set half of the time: 32 binomials of deviation 0.007.
    for (let bit = 0; bit < 32; bit++) {
      expect(Math.abs(mean(seeds.map((seed) => (seed >>> bit) & 1)) - 0.5)).toBeLessThan(0.03);
    }
    expect(dropoutSeed(1, 'pretrain', 3)).toBe(seeds[3]);
    expect(dropoutSeed(2, 'pretrain', 3)).not.toBe(seeds[3]);
    expect(dropoutSeed(1, 'sft', 3)).not.toBe(seeds[3]);
  });
});

describe('forward with dropout', () => {
  const dropping: ModelConfiguration = { ...CONFIG, dropout: 0.2 };
  const states = (config: ModelConfiguration, seed?: number): Float32Array =>
    forward(
      parameters,
      config,
      tokens,
      seed === undefined ? {} : { dropout: seeded(seed) },
    ).dataSync<'float32'>();

  it('is off unless a seed is given and the configuration has a rate', () => {
    const plain = states(CONFIG);
    expect(states(dropping)).toEqual(plain);
    expect(states(CONFIG, 1)).toEqual(plain);
    expect(states({ ...CONFIG, dropout: 0 }, 1)).toEqual(plain);
    expect(forwardCached(parameters, dropping, tokens, []).hidden.shape).toEqual([1, 5, 8]);
  });

  it('is a function of the seed', () => {
    expect(states(dropping, 1)).toEqual(states(dropping, 1));
    expect(states(dropping, 1)).not.toEqual(states(dropping, 2));
    expect(states(dropping, 1)).not.toEqual(states(dropping));
  });

  it('acts on embeddings, attention probabilities and both residual branches', () => {
    // With all weights zero but those named, a site's dropout is the only one that can show.
    const only = (names: readonly string[]): Parameters =>
      Object.fromEntries(
        Object.entries(parameters).map(([name, value]) => [
          name,
          name.includes('ln_') || names.includes(name) ? value : value.zerosLike(),
        ]),
      );
    const biases = (name: string): Parameters => ({ [name]: tf.randomNormal([8], 0, 1, 'float32', 1) });
    const differs = (weights: Parameters): boolean =>
      forward(weights, dropping, tokens, { dropout: seeded(3) })
        .sub(forward(weights, dropping, tokens))
        .abs()
        .max()
        .dataSync()[0]! > 1e-3;
    expect(differs(only([]))).toBe(false);
    expect(differs(only(['wte.weight']))).toBe(true);
    expect(differs({ ...only([]), ...biases('h.0.attn.c_proj.bias') })).toBe(true);
    expect(differs({ ...only([]), ...biases('h.1.mlp.c_proj.bias') })).toBe(true);
  });

  it('drops attention probabilities', () => {
    // One layer, every value vector alike: the first position sees itself alone, so its attention gives that vector or,
    // where the one probability is dropped, nothing.
    const config: ModelConfiguration = { ...CONFIG, layers: 1, dropout: 0.5 };
    const zeros = mapValues(initialise(config, 1), (value, name) =>
      name.includes('ln_') ? value : value.zerosLike(),
    );
    const weights = {
      ...zeros,
      'h.0.attn.c_attn.bias': tf.ones([24]),
      'h.0.attn.c_proj.weight': parameters['h.0.attn.c_proj.weight']!,
    };
    const rows = 2000;
    const states = forward(weights, config, tf.zeros([rows, 1], 'int32'), { dropout: seeded(4) });
    const nothing = states.abs().max(-1).less(1e-6).toFloat().mean().dataSync()[0]!;
    // Two heads must both lose theirs; losing all eight elements of the branch is rarer still.
    const expected = 0.25 + 0.75 * 0.5 ** 8;
    expect(Math.abs(nothing - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / rows));
  });
});
