import { loadTensorFlow, tf } from '@plumbline/compute';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { EAGER_FP32, learningRateAt, Trainer, type Batch } from './index.js';

interface Case {
  readonly options: {
    readonly beta1: number;
    readonly beta2: number;
    readonly weightDecay: number;
    readonly maximumGradientNorm: number;
    readonly learningRate: number;
  };
  readonly start: { readonly matrix: number[][]; readonly vector: number[] };
  /** [updates, 5, 3] and [updates, 5, 4] */
  readonly inputs: number[][][];
  readonly targets: number[][][];
  readonly after: readonly { loss: number; norm: number; matrix: number[][]; vector: number[] }[];
}

const { cases, generator } = JSON.parse(
  readFileSync(new URL('../fixtures/adamw.json', import.meta.url), 'utf8'),
) as { cases: readonly Case[]; generator: string };

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
});

function trainerOf({ options, start }: Case): Trainer {
  const { beta1, beta2, weightDecay, maximumGradientNorm } = options;
  return new Trainer({
    loss: ({ matrix, vector }, { inputs, targets }) => ({
      loss: inputs!.matMul(matrix!).add(vector!).sub(targets!).square().sum(1).mean(),
      weight: tf.scalar(inputs!.shape[0]),
    }),
    adamW: { beta1, beta2, weightDecay },
    maximumGradientNorm,
    weights: {
      matrix: { dtype: 'F32', shape: [3, 4], data: Float32Array.from(start.matrix.flat()) },
      vector: { dtype: 'F32', shape: [4], data: Float32Array.from(start.vector) },
    },
    plan: EAGER_FP32,
  });
}

/** Rows `from` … `to − 1` of the update's batch. */
function batchOf({ inputs, targets }: Case, update: number, from = 0, to = 5): Batch {
  return {
    inputs: tf.tensor2d(inputs[update]!.slice(from, to)),
    targets: tf.tensor2d(targets[update]!.slice(from, to)),
  };
}

describe(`updates against PyTorch (${generator})`, () => {
  it.each(cases.map((one) => [one.options, one] as const))('%j', (options, one) => {
    // Whole batches, and micro-batches of two and three rows: the same updates.
    for (const parts of [
      [[0, 5]],
      [
        [0, 2],
        [2, 5],
      ],
    ] as const) {
      const trainer = trainerOf(one);
      const schedule = {
        kind: 'linear',
        peak: options.learningRate,
        warmup: 4,
        total: 1e9,
        finalShare: 1,
      } as const;
      one.after.forEach((expected, update) => {
        const batches = parts.map(([from, to]) => batchOf(one, update, from, to));
        const metrics = trainer.update(
          batches.length === 1 ? batches[0]! : batches,
          learningRateAt(update, schedule),
        );
        tf.dispose(batches.map((batch) => Object.values(batch)));
        expect(metrics['loss']! / expected.loss).toBeCloseTo(1, 4);
        expect(metrics['gradientNorm']! / expected.norm).toBeCloseTo(1, 4);
        const { weights } = trainer.snapshot();
        for (const name of ['matrix', 'vector'] as const) {
          const found = Array.from(weights[name]!.data);
          expected[name].flat().forEach((value, i) => expect(found[i]).toBeCloseTo(value, 4));
        }
      });
      trainer.dispose();
    }
  });
});

describe("where Adam's ε enters", () => {
  /** Changes of one parameter with gradient 1e-4 at every update, learning rate 1, ε 1e-3. */
  function changes(form: 'pytorch' | 'tensorflow1', updates: number): number[] {
    const trainer = new Trainer({
      loss: ({ x }) => ({ loss: x!.mul(1e-4).sum() }),
      adamW: { beta1: 0.9, beta2: 0.999, epsilon: 1e-3, weightDecay: 0, form },
      maximumGradientNorm: 1,
      weights: { x: { dtype: 'F32', shape: [1], data: Float32Array.of(0) } },
      plan: EAGER_FP32,
    });
    const values = [0];
    const batch = { unused: tf.scalar(0) };
    for (let update = 0; update < updates; update++) {
      trainer.update(batch, 1);
      values.push(trainer.snapshot().weights['x']!.data[0]!);
    }
    trainer.dispose();
    return values.slice(1).map((value, update) => value - values[update]!);
  }

  it('decides early updates: a constant gradient g moves by g/(g + ε), or g/(g + ε/√(1−β₂ᵗ))', () => {
    // 1e-4 / (1e-4 + 1e-3), at every t
    for (const change of changes('pytorch', 3)) expect(change).toBeCloseTo(-0.0909091, 5);
    // ε/√(1 − 0.999ᵗ) = 0.0316228, 0.0223663, 0.0182665 at t = 1, 2, 3
    const expected = [-0.00315229, -0.00445107, -0.00544468];
    changes('tensorflow1', 3).forEach((change, t) => expect(change).toBeCloseTo(expected[t]!, 6));
  });
});
