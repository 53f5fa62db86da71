import { leakedTensors, loadTensorFlow, tf } from '@plumbline/compute';
import { initialise, toTensorMap } from '@plumbline/model';
import { beforeAll, describe, expect, it } from 'vitest';
import { COMPILED_FP32, EAGER_FP32, withPrecision } from './execution-plan.js';
import { languageModelLoss, rowBatch } from './language-model-loss.js';
import { shardedLossAndGradients } from './row-shards.js';
import { Trainer, type Batch, type LossFunction, type TrainerOptions } from './trainer.js';

const MODEL = { layers: 1, heads: 2, width: 8, context: 6, vocabulary: 16 };
const ROWS = 4;
const loss: LossFunction = (parameters, batch) => languageModelLoss(parameters, MODEL, batch);

beforeAll(() => void loadTensorFlow({ device: 'cpu' }));

function batchOf(learned: boolean, seed: number | null = null): Batch {
  const tokens = Int32Array.from({ length: ROWS * 7 }, (_, i) => (i * 5 + 3) % 16);
  // A different number of learned targets in every row.
  const mask = Float32Array.from({ length: ROWS * 6 }, (_, i) => (i % 6 <= i / 6 ? 1 : 0));
  return rowBatch({ count: ROWS, tokens, ...(learned && { learned: mask }) }, MODEL.context, seed);
}

function computed(batch: Batch, shards: number): Record<string, number[]> {
  let result: Record<string, number[]> = {};
  tf.tidy(() => {
    const { metrics, gradients } = shardedLossAndGradients(loss, initialise(MODEL, 1), batch, shards);
    const read = Object.entries({ ...metrics, ...gradients }).map(([name, tensor]) => [
      name,
      Array.from(tensor.dataSync()),
    ]);
    tf.dispose([metrics, gradients] as never);
    result = Object.fromEntries(read) as Record<string, number[]>;
  });
  return result;
}

describe('shardedLossAndGradients', () => {
  it.each([false, true])('is what all rows together give (some targets masked: %s)', (masked) => {
    const batch = batchOf(masked);
    const whole = computed(batch, 1);
    for (const shards of [2, 4]) {
      const parts = computed(batch, shards);
      for (const [name, values] of Object.entries(whole)) {
        values.forEach((value, i) => expect(parts[name]![i]).toBeCloseTo(value, 5));
      }
    }
    tf.dispose(Object.values(batch));
  });

  it('stays whole where rows do not divide, or something is no row', () => {
    expect(computed(batchOf(false), 3)).toEqual(computed(batchOf(false), 1));
    expect(computed(batchOf(false, 7), 2)).toEqual(computed(batchOf(false, 7), 1));
  });

  it('computes a large batch in more parts than are at work at once, and stays with whole ones', () => {
    const sizes: number[] = [];
    const partSizes = (rows: number, length: number): number[] => {
      sizes.length = 0;
      tf.tidy(() => {
        const { metrics, gradients } = shardedLossAndGradients(
          ({ w }, { x }) => {
            sizes.push(x!.shape[0]);
            return { loss: x!.mul(w!).mean() };
          },
          { w: tf.scalar(2) },
          { x: tf.ones([rows, length]) },
          2,
        );
        expect(metrics['loss']!.dataSync()[0]).toBeCloseTo(2, 5);
        expect(gradients['w']!.dataSync()[0]).toBeCloseTo(1, 5);
      });
      return [...sizes];
    };
    expect(partSizes(16, 64)).toEqual([8, 8]);
    expect(partSizes(16, 128)).toEqual([4, 4, 4, 4]);
    expect(partSizes(6, 512)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(partSizes(10, 256)).toEqual([5, 5]); // 4 divides 10 no more
    expect(partSizes(4, 4096)).toEqual([1, 1, 1, 1]);
  });

  it('concatenates outputs in the order of the rows', () => {
    const rows = tf.tensor2d([1, 2, 3, 4], [4, 1]);
    const { outputs } = shardedLossAndGradients(
      ({ w }, batch) => ({
        loss: batch['rows']!.mul(w!).mean(),
        outputs: { double: batch['rows']!.mul(2) },
      }),
      { w: tf.scalar(1) },
      { rows },
      2,
    );
    expect(Array.from(outputs['double']!.dataSync())).toEqual([2, 4, 6, 8]);
  });

  it('leaves nothing behind', async () => {
    const batch = batchOf(true);
    expect(await leakedTensors(() => void computed(batch, 2))).toBe(0);
  });
});

describe('a trainer whose plan divides rows', () => {
  const model = { ...MODEL, layers: 3 };
  const updated = (plan: NonNullable<TrainerOptions['plan']>, micro: boolean) => {
    const trainer = new Trainer({
      loss: (parameters, batch) => languageModelLoss(parameters, model, batch),
      adamW: { epsilon: 1e-2, weightDecay: 0.1 },
      maximumGradientNorm: 0.5, // less than they have: clipping is at work
      weights: toTensorMap(initialise(model, 1)),
      plan,
      meanOverRows: true,
    });
    const batch = batchOf(true);
    let norm = 0;
    for (let update = 0; update < 3; update++)
      norm = trainer.update(micro ? [batch, batch] : batch, 0.01)['gradientNorm']!;
    const { weights, optimizer } = trainer.snapshot();
    trainer.dispose();
    tf.dispose(Object.values(batch));
    return { ...weights, ...optimizer, norm: { data: Float32Array.of(norm) } };
  };

  it.each([
    [false, { ...EAGER_FP32, rowShards: 2 }, 1e-4],
    [true, { ...EAGER_FP32, rowShards: 2 }, 1e-4],
    [false, withPrecision(COMPILED_FP32, 'bf16'), 0.1],
    [true, withPrecision(COMPILED_FP32, 'bf16'), 0.1],
  ] as const)(
    'ends where one does that computes all rows at once (micro-batches: %s)',
    (micro, plan, tolerance) => {
      const expected = updated(EAGER_FP32, micro);
      const found = updated(plan, micro);
      expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, { data }] of Object.entries(expected)) {
        const values = Array.from(data as Float32Array);
        const largest = Math.max(...values.map(Math.abs), 1e-4);
        const gap = Math.max(
          ...values.map((value, i) =>
            Math.abs((found[name as keyof typeof found].data as Float32Array)[i]! - value),
          ),
        );
        expect(gap / largest, name).toBeLessThan(tolerance);
      }
    },
  );
});
