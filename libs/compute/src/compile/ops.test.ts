import { beforeAll, describe, expect, it } from 'vitest';
import { sparseSoftmaxCrossEntropy } from '../cross-entropy.js';
import { nativeBackend, runOp, type NativeBinding, type OpAttribute } from '../native.js';
import { loadTensorFlow, tf, type Tensor } from '../tensorflow.js';
import { opDefinition, type Attributes, type Value } from './ops.js';

beforeAll(() => void loadTensorFlow({ device: 'cpu' }));

/** Runs `work` for real and compares what each of its ops gave with what is inferred; returns the ops' names. */
function compareWithExecution(work: () => unknown): string[] {
  const backend = nativeBackend();
  const original = backend.binding;
  const known = new Map<number, Value>();
  const ops: string[] = [];
  const describeTensor = (id: number): Value => {
    const found = known.get(id);
    if (!found) throw new Error(`tensor ${id} comes from outside`);
    return found;
  };
  backend.binding = Object.create(original, {
    createTensor: {
      value: (shape: number[], dataType: number, values: Float32Array) => {
        const id = original.createTensor(shape, dataType, values);
        known.set(id, { shape, dataType, constant: values.slice() });
        return id;
      },
    },
    executeOp: {
      value: (op: string, attributes: (OpAttribute | null)[], inputs: number[], count: number) => {
        const outputs = original.executeOp(op, attributes as OpAttribute[], inputs, count);
        const given = new Map(attributes.map((attribute) => [attribute?.name, attribute?.value]));
        const attribute: Attributes = {
          integer: (name) => (given.get(name) ?? 0) as number,
          boolean: (name) => (given.get(name) ?? false) as boolean,
          string: (name) => (given.get(name) ?? '') as string,
        };
        const inferred = opDefinition(op)?.infer(inputs.map(describeTensor), attribute);
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

describe('opDefinition', () => {
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
    ['choices by type', () => tf.where(matrix(2, 3).isNaN(), tf.ones([2, 3]), matrix(2, 3).sign())],
    ['truth', () => tf.logicalAnd(matrix(2, 3).greater(0).any(1), matrix(2, 3).less(0).all(1)).logicalNot()],
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
    ['masked strided slices', () => tf.stridedSlice(matrix(6, 6), [1, 1], [3, 2], [1, 1], 1, 2, 0, 0, 0)],
    ['one index of an axis', () => tf.stridedSlice(matrix(6, 6), [1, 1], [2, 4], [1, 1], 0, 0, 0, 0, 1)],
    ['reversal', () => matrix(3, 4).reverse(1)],
    [
      'gather and scatter by index',
      () => [
        tf.gatherND(
          matrix(4, 3),
          tf.tensor2d(
            [
              [1, 2],
              [0, 1],
            ],
            [2, 2],
            'int32',
          ),
        ),
        tf.scatterND(tf.tensor2d([[1], [3]], [2, 1], 'int32'), matrix(2, 3), [5, 3]),
      ],
    ],
    [
      'gather within batches',
      () =>
        tf.gather(
          matrix(3, 5),
          tf.tensor2d(
            [
              [0, 1],
              [2, 2],
              [4, 0],
            ],
            [3, 2],
            'int32',
          ),
          1,
          1,
        ),
    ],
    ['broadcasting', () => tf.broadcastTo(matrix(1, 3), [4, 3])],
    ['sums over segments', () => tf.unsortedSegmentSum(matrix(4, 3), tf.tensor1d([0, 2, 2, 0], 'int32'), 3)],
    [
      'Einstein sums',
      () => tf.einsum('bij,bjk->bik', matrix(4, 6).reshape([2, 2, 6]), matrix(6, 4).reshape([2, 6, 2])),
    ],
    [
      'activations',
      () => [
        matrix(2, 3).relu(),
        matrix(2, 3).elu(),
        matrix(2, 3).softplus(),
        matrix(2, 3).sigmoid(),
        matrix(2, 3).erf(),
      ],
    ],
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
      const ints = tf.tensor2d([[1, 2, 3]], [1, 3], 'int32');
      const column = tf.tensor2d([[1], [2]], [2, 1], 'int32');
      for (const op of ['BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'LeftShift', 'RightShift', 'Mul']) {
        runOp(op, { T: { type: 'int32' } }, [ints, column]);
      }
      const [start, limit, delta] = [0, 7, 2].map((value) => tf.scalar(value, 'int32'));
      runOp('Range', {}, [start!, limit!, delta!]);
      runOp('BroadcastTo', {}, [ints, tf.tensor1d([4, 3], 'int32')]);
      runOp('OneHot', { axis: 0 }, [
        tf.tensor1d([0, 2], 'int32'),
        tf.scalar(3, 'int32'),
        tf.scalar(1),
        tf.scalar(0),
      ]);
      runOp('BiasAddGrad', {}, [matrix(3, 2)]);
      runOp('Cumsum', { exclusive: true, reverse: true }, [matrix(3, 2), tf.scalar(0, 'int32')]);
    });
  });
});
