import { leakedTensors, loadTensorFlow, tf } from '@plumbline/compute';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  clipByGlobalNorm,
  COMPILED_FP32,
  EAGER_FP32,
  learningRateAt,
  NonFiniteUpdateError,
  Trainer,
  WindowBatches,
  evenWindows,
} from './index.js';

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
});

/** A trainer whose gradient of `w` is the batch's `slope`. */
function linearTrainer(
  weight: number[],
  options: { weightDecay?: number; maximumGradientNorm?: number; compiled?: boolean } = {},
): Trainer {
  return new Trainer({
    loss: (parameters, batch) => ({
      loss: parameters['w']!.mul(batch['slope']!).sum(),
      metrics: { mean: parameters['w']!.mean() },
      outputs: { double: parameters['w']!.mul(2) },
    }),
    adamW: { weightDecay: options.weightDecay ?? 0 },
    maximumGradientNorm: options.maximumGradientNorm ?? 1e9,
    plan: options.compiled ? COMPILED_FP32 : EAGER_FP32,
    weights: { w: { dtype: 'F32', shape: [1, weight.length], data: Float32Array.from(weight) } },
  });
}

function step(trainer: Trainer, slope: number[], learningRate = 0.1): Readonly<Record<string, number>> {
  const batch = { slope: tf.tensor2d(slope, [1, slope.length]) };
  try {
    return trainer.update(batch, learningRate);
  } finally {
    tf.dispose(batch.slope);
  }
}

const weights = (trainer: Trainer): number[] => Array.from(trainer.snapshot().weights['w']!.data);

describe('AdamW', () => {
  it('moves by the learning rate at first, and as PyTorch does after', () => {
    const trainer = linearTrainer([1, 1]);
    step(trainer, [3, -0.5]);
    expect(weights(trainer)[0]).toBeCloseTo(0.9, 6);
    expect(weights(trainer)[1]).toBeCloseTo(1.1, 6);
    step(trainer, [0, 0]);
    // m̂ = .09/.19 g, v̂ = .000999/.001999 g²: a step of .1 · .4736842 / .7069299 = .0670058.
    expect(weights(trainer)[0]).toBeCloseTo(0.9 - 0.0670058, 5);
    expect(weights(trainer)[1]).toBeCloseTo(1.1 + 0.0670058, 5);
    trainer.dispose();
  });

  it('adds ε to the corrected root: a gradient as small as ε moves half as far', () => {
    const trainer = linearTrainer([1]);
    step(trainer, [1e-8]);
    expect(weights(trainer)[0]).toBeCloseTo(0.95, 4);
    trainer.dispose();
  });

  it('decays weights apart from the gradient', () => {
    const trainer = linearTrainer([2], { weightDecay: 0.5 });
    step(trainer, [0], 0.1);
    expect(weights(trainer)[0]).toBeCloseTo(2 * (1 - 0.1 * 0.5), 6);
    trainer.dispose();
  });
});

describe('Trainer', () => {
  it('reports loss, gradient norm before clipping and metrics', () => {
    const trainer = linearTrainer([1, 2], { maximumGradientNorm: 0.5 });
    const metrics = step(trainer, [3, 4]);
    expect(metrics['loss']).toBeCloseTo(11, 5);
    expect(metrics['gradientNorm']).toBeCloseTo(5, 5);
    expect(metrics['mean']).toBeCloseTo(1.5, 6);
    trainer.dispose();
  });

  it('refuses an update that is not finite and stays as it was', () => {
    const trainer = linearTrainer([1]);
    step(trainer, [1]);
    const before = trainer.snapshot();
    for (const slope of [NaN, Infinity]) expect(() => step(trainer, [slope])).toThrow(NonFiniteUpdateError);
    expect(() => step(trainer, [NaN])).toThrow('update 2: loss NaN');
    expect(trainer.snapshot()).toEqual(before);
    expect(trainer.updates).toBe(1);
    trainer.dispose();
  });

  it('continues from a snapshot bit for bit', () => {
    const whole = linearTrainer([1, -1]);
    for (const slope of [1, 2, 3, 4]) step(whole, [slope, 1 / slope]);
    const first = linearTrainer([1, -1]);
    for (const slope of [1, 2]) step(first, [slope, 1 / slope]);
    const second = new Trainer({
      loss: (parameters, batch) => ({ loss: parameters['w']!.mul(batch['slope']!).sum() }),
      adamW: { weightDecay: 0 },
      maximumGradientNorm: 1e9,
      ...first.snapshot(),
      updates: first.updates,
    });
    for (const slope of [3, 4]) step(second, [slope, 1 / slope]);
    expect(second.snapshot()).toEqual(whole.snapshot());
    for (const trainer of [whole, first, second]) trainer.dispose();
  });

  it.each([true, false])('evaluates without changing anything (compiled: %s)', (compiled) => {
    const trainer = linearTrainer([1, 2], { compiled });
    const batch = { slope: tf.tensor2d([3, 4], [1, 2]) };
    const before = trainer.snapshot();
    const { metrics, outputs } = trainer.evaluate(batch);
    expect(outputs['double']).toEqual(Float32Array.of(2, 4));
    expect(trainer.snapshot()).toEqual(before);
    expect(trainer.updates).toBe(0);
    expect(trainer.update(batch, 0.1)).toEqual(metrics);
    expect(trainer.snapshot()).not.toEqual(before);
    trainer.dispose();
    tf.dispose(batch.slope);
  });

  it('does the same compiled as op by op, up to rounding', () => {
    const [compiled, eager] = [true, false].map((mode) =>
      linearTrainer([1, -2], { compiled: mode, weightDecay: 0.1 }),
    );
    for (const slope of [0.5, -1, 2]) {
      const expected = step(eager!, [slope, 1]);
      const found = step(compiled!, [slope, 1]);
      expect(Object.keys(found)).toEqual(Object.keys(expected));
      for (const [name, value] of Object.entries(expected)) expect(found[name]).toBeCloseTo(value, 5);
    }
    weights(eager!).forEach((value, i) => expect(weights(compiled!)[i]).toBeCloseTo(value, 5));
    for (const trainer of [compiled!, eager!]) trainer.dispose();
  });

  describe.each([true, false])('micro-batches (compiled: %s)', (compiled) => {
    /** Mean squared error over rows, each row with a weight of its own. */
    const regression = (): Trainer =>
      new Trainer({
        loss: (parameters, { x, y, mask }) => {
          const count = mask!.sum();
          const errors = x!.matMul(parameters['w']!).sub(y!).square().mul(mask!);
          return {
            loss: errors.sum().div(count),
            metrics: { bias: errors.sqrt().sum().div(count) },
            weight: count,
          };
        },
        maximumGradientNorm: 1,
        plan: compiled ? COMPILED_FP32 : EAGER_FP32,
        weights: { w: { dtype: 'F32', shape: [3, 1], data: Float32Array.of(0.3, -0.2, 0.1) } },
      });
    const rows = (from: number, to: number): Record<string, tf.Tensor> => {
      const values = (size: number, frequency: number): Float32Array =>
        Float32Array.from({ length: size * (to - from) }, (_, i) => Math.sin(frequency * (from * size + i)));
      return {
        x: tf.tensor2d(values(3, 1.7), [to - from, 3]),
        y: tf.tensor2d(values(1, 2.3), [to - from, 1]),
        mask: tf.tensor2d(
          Float32Array.from({ length: to - from }, (_, i) => ((from + i) % 3 === 0 ? 0 : 1)),
          [to - from, 1],
        ),
      };
    };

    it('make the update of the batch they are parts of', () => {
      const [whole, parts] = [regression(), regression()];
      for (let update = 0; update < 4; update++) {
        const large = rows(12 * update, 12 * update + 12);
        const micro = [0, 4, 8].map((from) => rows(12 * update + from, 12 * update + from + 4));
        const expected = whole.update(large, 0.01);
        const found = parts.update(micro, 0.01);
        expect(Object.keys(found).sort()).toEqual(['bias', 'gradientNorm', 'loss']);
        for (const [name, value] of Object.entries(expected)) expect(found[name]! / value).toBeCloseTo(1, 5);
        tf.dispose([large, micro]);
      }
      const [expected, found] = [whole.snapshot(), parts.snapshot()];
      for (const state of ['weights', 'optimizer'] as const) {
        for (const [name, { data }] of Object.entries(expected[state])) {
          data.forEach((value, i) => expect(found[state][name]!.data[i]).toBeCloseTo(value, 6));
        }
      }
      for (const trainer of [whole, parts]) trainer.dispose();
    });

    it('one alone is the batch itself; none is refused; none of a bad update is left', async () => {
      const trainer = regression();
      const other = regression();
      const batch = rows(0, 4);
      expect(trainer.update([batch], 0.01)).toEqual(other.update(batch, 0.01));
      expect(trainer.snapshot()).toEqual(other.snapshot());
      expect(() => trainer.update([], 0.01)).toThrow(RangeError);
      const bad = { ...batch, y: tf.fill([4, 1], NaN) };
      const leaked = await leakedTensors(() => {
        trainer.update([batch, batch], 0.01);
        const before = trainer.snapshot();
        expect(() => trainer.update([batch, bad], 0.01)).toThrow(NonFiniteUpdateError);
        expect(trainer.snapshot()).toEqual(before);
      });
      expect(leaked).toBe(0);
      tf.dispose([batch, bad]);
      for (const each of [trainer, other]) each.dispose();
    });
  });

  it.each([true, false])('keeps the tensor count flat (compiled: %s)', async (compiled) => {
    const trainer = linearTrainer([1, 2], { compiled });
    expect(
      await leakedTensors(() => {
        const slope = tf.tensor2d([1, 1], [1, 2]);
        trainer.evaluate({ slope });
        slope.dispose();
        for (let i = 0; i < 5; i++) step(trainer, [1, i]);
        expect(() => step(trainer, [NaN, 0])).toThrow();
      }),
    ).toBe(0);
    trainer.dispose();
  });
});

describe('clipByGlobalNorm', () => {
  it('scales all gradients by one factor, and small ones not at all', () => {
    const gradients = { a: tf.tensor1d([3]), b: tf.tensor2d([[0, 4]]) };
    const clipped = clipByGlobalNorm(gradients, 1);
    expect(clipped.norm.dataSync()[0]).toBeCloseTo(5, 5);
    expect(clipped.gradients['a']!.dataSync()[0]).toBeCloseTo(0.6, 5);
    expect(clipped.gradients['b']!.dataSync()[1]).toBeCloseTo(0.8, 5);
    expect(clipByGlobalNorm(gradients, 10).gradients['a']!.dataSync()[0]).toBe(3);
  });
});

describe('learningRateAt', () => {
  const schedule = { peak: 2, warmup: 4, total: 21, finalShare: 0.1 };

  it('warms up to the peak and falls along a cosine to its final share', () => {
    const at = (update: number) => learningRateAt(update, { ...schedule, kind: 'cosine' });
    expect([0, 3, 4, 12, 20, 30].map(at)).toEqual([0.5, 2, 2, 1.1, 0.2, 0.2].map(close));
    // A quarter of the way down a cosine is not a quarter of the way down.
    expect(at(8)).toBeCloseTo(0.2 + 1.8 * 0.853553, 5);
  });

  it('or along a line', () => {
    const at = (update: number) => learningRateAt(update, { ...schedule, kind: 'linear' });
    expect([0, 3, 4, 8, 12, 20].map(at)).toEqual([0.5, 2, 2, 1.55, 1.1, 0.2].map(close));
  });

  it('has no warm-up where none is asked for', () => {
    const none = { kind: 'linear', peak: 1, warmup: 0, total: 3, finalShare: 0 } as const;
    expect([0, 1, 2].map((update) => learningRateAt(update, none))).toEqual([1, 0.5, 0].map(close));
  });
});

const close = (value: number): unknown => expect.closeTo(value, 6);

describe('batches', () => {
  const tokens = Int32Array.from({ length: 103 }, (_, i) => i);

  it('visit every window once a pass, and do not depend on what was asked before', () => {
    const batches = new WindowBatches(tokens, 10, 1, 'test');
    const starts = Array.from({ length: 9 }, (_, update) => batches.rows(update, 1)[0]!);
    expect(new Set(starts.map((start) => start % 10)).size).toBe(1);
    expect(new Set(starts).size).toBe(9);
    for (const start of starts) expect(start + 10).toBeLessThan(103);
    const fresh = new WindowBatches(tokens, 10, 1, 'test');
    expect(fresh.rows(60, 3)).toEqual(batches.rows(60, 3));
    expect(fresh.rows(0, 1)[0]).toBe(starts[0]);
    expect(Array.from(batches.rows(0, 1))).toEqual(Array.from({ length: 11 }, (_, i) => starts[0]! + i));
  });

  it('have even windows for measuring, always the same', () => {
    expect(evenWindows(tokens, 10, 5).map((window) => window[0])).toEqual([0, 20, 40, 60, 80]);
    expect(evenWindows(tokens, 10, 1000)).toHaveLength(10);
    expect(() => new WindowBatches(tokens.subarray(0, 10), 10, 1, 'x')).toThrow(RangeError);
  });
});
