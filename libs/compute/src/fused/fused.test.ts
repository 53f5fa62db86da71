import { beforeAll, describe, expect, it } from 'vitest';
import { leakedTensors } from '../leak-guard.js';
import { loadTensorFlow, tf, type Tensor } from '../tensorflow.js';
import { attention } from './attention.js';
import { geluNew } from './gelu.js';
import { layerNorm } from './layer-norm.js';

beforeAll(() => void loadTensorFlow({ device: 'cpu' }));

const EPSILON = 1e-5;

function values(seed: number, ...shape: number[]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => 2 * Math.sin(seed + 12.9898 * i)),
    shape,
  );
}

/** The same functions left to the gradient tape. */
const plain = {
  layerNorm: (x: Tensor, weight: Tensor, bias: Tensor): Tensor => {
    const centred = x.sub(x.mean(-1, true));
    const variance = centred.square().mean(-1, true);
    return centred.div(variance.add(EPSILON).sqrt()).mul(weight).add(bias);
  },
  geluNew: (x: Tensor): Tensor => {
    const inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return x.mul(0.5).mul(inner.tanh().add(1));
  },
  attention: (q: Tensor, k: Tensor, v: Tensor, bias: Tensor | null): Tensor => {
    const scores = tf.matMul(q, k, false, true).div(Math.sqrt(q.shape.at(-1)!));
    return tf.matMul(tf.softmax(bias ? scores.add(bias) : scores), v);
  },
};

/** Value and gradients under an upstream gradient that is not uniform. */
function valueAndGradients(fn: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]): number[][] {
  return tf.tidy(() => {
    const value = fn(...inputs);
    const gradients = tf.grads(fn)(inputs, values(5, ...value.shape));
    return [value, ...gradients].map((tensor) => Array.from(tensor.dataSync()));
  });
}

const CASES: readonly [string, (...i: Tensor[]) => Tensor, (...i: Tensor[]) => Tensor, () => Tensor[]][] = [
  [
    'layerNorm',
    (x, w, b) => layerNorm(x, w, b, EPSILON),
    (x, w, b) => plain.layerNorm(x, w, b),
    () => [values(1, 5, 8), values(2, 8), values(3, 8)],
  ],
  ['geluNew', (x) => geluNew(x), (x) => plain.geluNew(x), () => [values(1, 4, 7).mul(2)]],
  [
    'attention',
    (q, k, v) => attention(q, k, v, null),
    (q, k, v) => plain.attention(q, k, v, null),
    () => [values(1, 2, 3, 4, 6), values(2, 2, 3, 5, 6), values(3, 2, 3, 5, 6)],
  ],
  [
    'attention with a bias',
    (q, k, v) => attention(q, k, v, values(7, 2, 1, 1, 5)),
    (q, k, v) => plain.attention(q, k, v, values(7, 2, 1, 1, 5)),
    () => [values(1, 2, 3, 4, 6), values(2, 2, 3, 5, 6), values(3, 2, 3, 5, 6)],
  ],
];

describe.each(CASES)('%s', (_name, fused, reference, inputs) => {
  it('has the values and gradients of its definition', () => {
    tf.tidy(() => {
      const given = inputs();
      const expected = valueAndGradients(reference, given);
      valueAndGradients(fused, given).forEach((tensor, which) => {
        expect(tensor.length).toBe(expected[which]!.length);
        tensor.forEach((value, i) => expect(value).toBeCloseTo(expected[which]![i]!, 4));
      });
    });
  });

  it('leaves no tensor behind', async () => {
    expect(await leakedTensors(() => void tf.tidy(() => valueAndGradients(fused, inputs())))).toBe(0);
  });
});
