import { leakedTensors, loadTensorFlow, tf } from '@plumbline/compute';
import { initialise } from '@plumbline/model';
import { beforeAll, describe, expect, it } from 'vitest';
import { languageModelLoss, rowBatch } from './language-model-loss.js';
import { shardedLossAndGradients } from './row-shards.js';
import type { Batch, LossFunction } from './trainer.js';

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
