import { beforeAll, describe, expect, it } from 'vitest';
import {
  leakedTensors,
  loadTensorFlow,
  softmaxCrossEntropyAndEntropy,
  sparseSoftmaxCrossEntropy,
  tf,
  TensorFlowError,
} from './index.js';

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

  it('gives the entropy beside it, without a gradient of its own', async () => {
    const logits = tf.tensor2d([1, 2, 3, 0, 0, Math.log(2), 50, 0, 0], [3, 3]);
    const labels = tf.tensor1d([2, 0, 0], 'int32');
    const { loss, entropy } = softmaxCrossEntropyAndEntropy(logits, labels);
    expect(loss.arraySync()).toEqual(sparseSoftmaxCrossEntropy(logits, labels).arraySync());
    const found = entropy.arraySync() as number[];
    expect(found[0]).toBeCloseTo(0.832396, 5); // softmax = 0.0900, 0.2447, 0.6652
    expect(found[1]).toBeCloseTo(1.5 * Math.log(2), 5); // softmax = 1/4, 1/4, 1/2
    expect(found[2]).toBeCloseTo(0, 5);
    const leaked = await leakedTensors(() => {
      tf.tidy(() => {
        tf.grad((x: tf.Tensor) => softmaxCrossEntropyAndEntropy(x, labels).loss.sum())(logits);
      });
    });
    expect(leaked).toBe(0);
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
