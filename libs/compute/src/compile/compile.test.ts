import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  compile,
  leakedTensors,
  loadTensorFlow,
  nativeBackend,
  type NativeBinding,
  sparseSoftmaxCrossEntropy,
  tf,
  type Tensor,
} from '../index.js';

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
});

/** One layer with softmax loss: loss and gradients. */
function gradients(x: Tensor, weight: Tensor, labels: Tensor): Tensor[] {
  const { value, grads } = tf.valueAndGrads((w: Tensor) => {
    const hidden = tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D).tanh();
    const expanded = hidden.expandDims(1).tile([1, 2, 1]).mean(1);
    return sparseSoftmaxCrossEntropy(expanded.mul(3), labels).mean().asScalar();
  })([weight]);
  return [value, ...grads];
}

const data = (): [Tensor, Tensor, Tensor] => [
  tf.tensor2d(
    Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)),
    [4, 3],
  ),
  tf.tensor2d(
    Float32Array.from({ length: 15 }, (_, i) => Math.cos(3 * i)),
    [3, 5],
  ),
  tf.tensor1d([0, 1, 4, 2], 'int32'),
];

describe('compile', () => {
  it.each([true, false])('gives what the function gives, gradients included (XLA: %s)', (xla) => {
    const compiled = compile(gradients, { name: 'test', xla });
    const inputs = data();
    const expected = gradients(...inputs);
    for (let run = 0; run < 2; run++) {
      compiled(...inputs).forEach((output, i) => {
        expect(output.shape).toEqual(expected[i]!.shape);
        expect(output.sub(expected[i]!).abs().max().dataSync()[0]!).toBeLessThan(1e-6);
      });
    }
    expect(compiled.mode()).toBe('compiled');
    compiled.dispose();
  });

  it('traces the function for each combination of shapes', () => {
    const fn = vi.fn((x: Tensor): Tensor[] => [x.add(1)]);
    const compiled = compile(fn, { name: 'test' });
    for (const size of [2, 3, 2, 3]) {
      expect(compiled(tf.fill([size], size))[0]!.arraySync()).toEqual(
        Array.from({ length: size }, () => size + 1),
      );
    }
    expect(fn).toHaveBeenCalledTimes(4); // twice for each, to see that it does the same
  });

  it('can return an input or a constant, and several types', () => {
    const compiled = compile((x) => [x, tf.scalar(7), x.greater(1), x.toInt()], { name: 'test' });
    const [same, seven, greater, whole] = compiled(tf.tensor1d([1, 2.5]));
    expect(same!.arraySync()).toEqual([1, 2.5]);
    expect(seven!.arraySync()).toBe(7);
    expect(greater!.dtype).toBe('bool');
    expect(greater!.arraySync()).toEqual([0, 1]);
    expect(whole!.dtype).toBe('int32');
    expect(whole!.arraySync()).toEqual([1, 2]);
  });

  it('tells inputs apart that were one tensor at first', () => {
    const compiled = compile((a, b) => [a.mul(10).add(b), b], { name: 'test' });
    const one = tf.tensor1d([1, 1]);
    expect(compiled(one, one)[0]!.arraySync()).toEqual([11, 11]);
    expect(compiled(one, one.clone())[0]!.arraySync()).toEqual([11, 11]);
    expect(compiled(one, tf.tensor1d([2, 3])).map((output) => output.arraySync())).toEqual([
      [12, 13],
      [2, 3],
    ]);
  });

  it('keeps the tensor count flat', async () => {
    const compiled = compile(gradients, { name: 'test' });
    const inputs = data();
    const leaked = await leakedTensors(() => {
      for (let i = 0; i < 3; i++) tf.dispose(compiled(...inputs));
    });
    expect(leaked).toBe(0);
    compiled.dispose();
  });

  it('warns once and runs op by op what it cannot compile', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const outside = tf.tensor1d([1, 2]).add(0);
    const compiled = compile((x) => [x.mul(outside)], { name: 'the product' });
    for (let i = 0; i < 2; i++) expect(compiled(tf.tensor1d([3, 4]))[0]!.arraySync()).toEqual([3, 8]);
    expect(compiled.mode()).toBe('eager');
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]![0]).toMatch(/^the product runs op by op.*from outside/);
    warn.mockRestore();
  });

  it('compiles the same work once, whoever asks', () => {
    const backend = nativeBackend();
    const original = backend.binding;
    const load = vi.fn(original.loadSavedModel.bind(original));
    backend.binding = Object.create(original, { loadSavedModel: { value: load } }) as NativeBinding;
    for (let i = 0; i < 3; i++) {
      const compiled = compile((x) => [x.mul(3).sum()], { name: 'test' });
      expect(compiled(tf.tensor1d([1, 2]))[0]!.arraySync()).toBe(9);
      if (i > 0) compiled.dispose();
    }
    expect(load).toHaveBeenCalledTimes(1);
    backend.binding = original;
  });

  it('frees what it gave back long ago, and compiles it anew', () => {
    for (let round = 0; round < 2; round++) {
      for (let number = 0; number < 10; number++) {
        const compiled = compile((a) => [a.add(number)], { name: 'test', xla: false });
        expect(compiled(tf.scalar(1))[0]!.arraySync()).toBe(1 + number);
        compiled.dispose();
      }
    }
  });

  it('lets the errors of the function through', () => {
    const compiled = compile(
      () => {
        throw new RangeError('mine');
      },
      { name: 'test' },
    );
    expect(() => compiled(tf.scalar(1))).toThrow('mine');
    expect(compiled.mode()).toBe('compiled');
    expect(tf.add(1, 2).dataSync()[0]).toBe(3);
  });
});
