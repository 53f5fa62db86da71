import { tf, type Tensor } from '../tensorflow.js';

type Save = (tensors: Tensor[]) => void;

/**
 * `tf.customGrad` with types that fit functions of several tensors: `forward` returns the value and what the gradient
 * needs; `gradient` takes dL/dvalue and those, and returns dL/dinput for each input.
 */
export function withGradient(
  forward: (...inputs: Tensor[]) => { value: Tensor; saved: Tensor[] },
  gradient: (dy: Tensor, saved: Tensor[]) => Tensor[],
): (...inputs: Tensor[]) => Tensor {
  return tf.customGrad((...args) => {
    const save = args.pop() as unknown as Save;
    const { value, saved } = forward(...(args as Tensor[]));
    save(saved);
    return { value, gradFunc: (dy: Tensor, kept: Tensor[]) => gradient(dy, kept) };
  });
}
