import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATA_TYPES, nativeBackend, runOp, type NativeBinding, type OpAttribute } from '../native.js';
import { sparseSoftmaxCrossEntropy } from '../cross-entropy.js';
import { loadTensorFlow, tf, type Tensor } from '../tensorflow.js';
import type { Constant } from './graph.js';
import { inferOutputs, ShapeInferenceError, type OpInput } from './shape-inference.js';

beforeAll(() => void loadTensorFlow({ device: 'cpu' }));

/** Runs `work` for real and compares what each of its ops gave with what is inferred; returns the ops' names. */
function compareWithExecution(work: () => unknown): string[] {
  const backend = nativeBackend();
  const original = backend.binding;
  const known = new Map<number, OpInput>();
  const ops: string[] = [];
  const describeTensor = (id: number): OpInput => {
    const found = known.get(id);
    if (!found) throw new Error(`tensor ${id} comes from outside`);
    return found;
  };
  backend.binding = Object.create(original, {
    createTensor: {
      value: (shape: number[], dataType: number, values: ArrayBufferView) => {
        const id = original.createTensor(shape, dataType, values);
        const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
        known.set(id, { shape, dataType, constant: { shape, dataType, bytes } satisfies Constant });
        return id;
      },
    },
    executeOp: {
      value: (op: string, attributes: (OpAttribute | null)[], inputs: number[], count: number) => {
        const outputs = original.executeOp(op, attributes as OpAttribute[], inputs, count);
        const given = attributes.filter((attribute) => attribute !== null);
        const inferred = inferOutputs(op, given, inputs.map(describeTensor), count);
        const actual = outputs.map(({ shape, dtype }) => ({ shape: [...shape], dataType: dtype }));
        expect({ op, outputs: inferred }).toEqual({ op, outputs: actual });
        for (const { id, shape, dtype } of outputs) known.set(id, { shape, dataType: dtype });
        ops.push(op);
        return outputs;
      },
    },
  }) as NativeBinding;
  try {
    tf.tidy(() => void work());
  } finally {
    backend.binding = original;
  }
  return ops;
}

const matrix = (rows: number, columns: number): Tensor =>
  tf.tensor2d(
    Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i)),
    [rows, columns],
  );

describe('inferOutputs', () => {
  it.each<[string, () => unknown]>([
    [
      'broadcasts',
      () =>
        matrix(3, 1)
          .add(matrix(1, 4))
          .mul(2)
          .sub(tf.tensor1d([1, 2, 3, 4]))
          .div(matrix(3, 4)),
    ],
    ['comparisons', () => tf.where(matrix(2, 3).greater(0), matrix(2, 3), tf.zeros([2, 3]))],
    ['reductions', () => matrix(3, 4).sum(0).add(matrix(3, 4).mean(0)).add(matrix(3, 4).max(0, true).sum())],
    ['argMax', () => matrix(3, 4).argMax(1)],
    ['matrix products', () => tf.matMul(matrix(3, 4), matrix(3, 5), true).matMul(matrix(6, 5), false, true)],
    [
      'products of stacks',
      () => tf.matMul(matrix(4, 6).reshape([2, 2, 6]), matrix(4, 6).reshape([2, 2, 6]), false, true),
    ],
    ['reshapes', () => matrix(4, 6).reshape([2, -1]).expandDims(1).squeeze([1]).flatten()],
    ['transposition', () => matrix(4, 6).reshape([2, 2, 6]).transpose([2, 0, 1])],
    ['slices', () => matrix(4, 6).slice([1, 2], [2, -1])],
    ['strided slices', () => tf.stridedSlice(matrix(6, 6), [0, 5], [6, 0], [2, -2])],
    ['concatenation', () => tf.concat([matrix(2, 3), matrix(2, 4)], 1)],
    ['stacks', () => tf.unstack(tf.stack([matrix(2, 3), matrix(2, 3)], 1), 1)],
    ['splits', () => [tf.split(matrix(4, 6), 3, 1), tf.split(matrix(4, 6), [1, 2, 3], 1)]],
    ['gather', () => tf.gather(matrix(5, 3), tf.tensor1d([1, 4, 1], 'int32'))],
    ['one-hot', () => tf.oneHot(tf.tensor1d([1, 4, 1], 'int32'), 6)],
    [
      'padding and tiles',
      () =>
        matrix(2, 3)
          .pad([
            [1, 0],
            [0, 2],
          ])
          .tile([2, 1]),
    ],
    ['fill and range', () => tf.fill([2, 3], 7).add(tf.range(0, 3))],
    ['cast', () => matrix(2, 2).toInt().toBool()],
    ['cumulated sums', () => matrix(2, 3).cumsum(1)],
    ['softmax', () => tf.softmax(matrix(2, 3)).add(tf.logSoftmax(matrix(2, 3)))],
  ])('is right about %s', (_name, work) => {
    expect(compareWithExecution(work).length).toBeGreaterThan(0);
  });

  it('is right about every op of a gradient', () => {
    const ops = compareWithExecution(() => {
      const table = matrix(7, 4);
      const weights = matrix(4, 7);
      const loss = (w: Tensor, e: Tensor) => {
        const hidden = tf.gather(e, tf.tensor1d([1, 2, 3], 'int32'));
        const normed = hidden.sub(hidden.mean(-1, true)).mul(hidden.square().mean(-1, true).rsqrt()).tanh();
        return sparseSoftmaxCrossEntropy(tf.matMul(normed, w), tf.tensor1d([0, 5, 6], 'int32'))
          .mean()
          .asScalar();
      };
      tf.grads(loss)([weights, table]);
    });
    expect(ops).toContain('UnsortedSegmentSum');
    expect(ops).toContain('SparseSoftmaxCrossEntropyWithLogits');
  });

  it('is right about ops called by name', () => {
    compareWithExecution(() => {
      const ints = tf.tensor1d([1, 2, 3], 'int32');
      return runOp('BitwiseXor', { T: { type: 'int32' } }, [ints, ints]);
    });
  });

  it('refuses an op that it has no rule for', () => {
    expect(() => inferOutputs('Unique', [], [], 1)).toThrow(ShapeInferenceError);
    expect(() => inferOutputs('Unique', [], [], 1)).toThrow('op Unique');
  });

  it('refuses sizes that are not constants, and shapes that do not fit', () => {
    const float = (...shape: number[]): OpInput => ({ shape, dataType: DATA_TYPES.float32 });
    const sizes: OpInput = { shape: [2], dataType: DATA_TYPES.int32 };
    expect(() => inferOutputs('Reshape', [], [float(2, 3), sizes], 1)).toThrow('must be a constant');
    expect(() => inferOutputs('AddV2', [], [float(2), float(3)], 1)).toThrow('do not broadcast');
    expect(() => inferOutputs('MatMul', [], [float(2, 3), float(2, 3)], 1)).toThrow('inner sizes differ');
  });
});

afterAll(() => {
  expect(nativeBackend().binding).not.toHaveProperty('createTensor.value');
});
