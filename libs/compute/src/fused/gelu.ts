import { tf, type Tensor } from '../tensorflow.js';
import { withGradient } from './custom-gradient.js';

const ROOT = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

/** tanh(√(2/π) (x + 0.044715 x³)); cubes as products, because `pow` is slow. */
function inner(x: Tensor, square: Tensor): Tensor {
  return x.mul(square.mul(CUBIC * ROOT).add(ROOT)).tanh();
}

const approximate = withGradient(
  (x) => ({ value: x.mul(0.5).mul(inner(x, x.mul(x)).add(1)), saved: [x] }),
  (dy, [x]) => {
    const square = x!.mul(x!);
    const tanh = inner(x!, square);
    const slope = square.mul(3 * CUBIC * ROOT).add(ROOT);
    const derivative = tanh
      .add(1)
      .mul(0.5)
      .add(
        x!
          .mul(0.5)
          .mul(tf.scalar(1).sub(tanh.mul(tanh)))
          .mul(slope),
      );
    return [dy.mul(derivative)];
  },
);

/** GELU by the tanh approximation (Hendrycks and Gimpel 2016), Hugging Face's `gelu_new`: any shape. */
export function geluNew(x: Tensor): Tensor {
  return approximate(x);
}

/** x · Φ(x) with the normal distribution function itself: any shape. */
export function gelu(x: Tensor): Tensor {
  return x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1));
}
