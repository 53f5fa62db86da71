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
