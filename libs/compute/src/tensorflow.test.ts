import { beforeAll, describe, expect, it } from 'vitest';
import { leakedTensors, loadTensorFlow, sparseSoftmaxCrossEntropy, tf, TensorFlowError } from './index.js';

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
});

describe('loadTensorFlow', () => {
  it('runs ops on the native backend and refuses a second device', () => {
    expect(tf.getBackend()).toBe('tensorflow');
    expect(tf.matMul([[1, 2]], [[3], [4]]).dataSync()[0]).toBe(11);
    expect(loadTensorFlow({ device: 'cpu' }).device).toBe('cpu');
    expect(() => loadTensorFlow({ device: 'gpu' })).toThrow(TensorFlowError);
  });
});

describe('sparseSoftmaxCrossEntropy', () => {
  it('gives −log softmax and its gradient', () => {
    const logits = tf.tensor2d([1, 2, 3, 0, 0, Math.log(2)], [2, 3]);
    const labels = tf.tensor1d([2, 2], 'int32');
    const loss = sparseSoftmaxCrossEntropy(logits, labels).arraySync() as number[];
    expect(loss[0]).toBeCloseTo(0.407606, 5);
    expect(loss[1]).toBeCloseTo(Math.log(2), 5); // softmax = 1/4, 1/4, 1/2
    const gradient = tf.grad((x: tf.Tensor) => sparseSoftmaxCrossEntropy(x, labels).mul([1, 2]).sum())(
      logits,
    );
    const [, second] = gradient.arraySync() as number[][];
    expect(second![0]).toBeCloseTo(0.5, 5);
    expect(second![2]).toBeCloseTo(-1, 5);
  });

  it('leaks nothing under tidy', async () => {
    const leaked = await leakedTensors(() => {
      tf.tidy(() => {
        const labels = tf.tensor1d([0], 'int32');
        tf.grad((x: tf.Tensor) => sparseSoftmaxCrossEntropy(x, labels).sum())(tf.tensor2d([1, 2], [1, 2]));
      });
    });
    expect(leaked).toBe(0);
  });
});
