import { tf, type Tensor } from '../tensorflow.js';
import { withGradient } from './custom-gradient.js';

/**
 * softmax(q kᵀ / √E + bias) v (Vaswani et al. 2017): q [..., T, E], k and v [..., S, E] → [..., T, E]; `bias`
 * broadcasts to [..., T, S] and has no gradient. One op to the gradient tape, which keeps q, k, v and the probabilities.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | null): Tensor {
  const scale = 1 / Math.sqrt(q.shape.at(-1)!);
  const attend = withGradient(
    (q, k, v) => {
      const scores = tf.matMul(q, k, false, true).mul(scale);
      const probabilities = tf.softmax(bias ? scores.add(bias) : scores);
      return { value: tf.matMul(probabilities, v), saved: [q, k, v, probabilities] };
    },
    (dy, [q, k, v, probabilities]) => {
      const upstream = tf.matMul(dy, v!, false, true);
      const product = upstream.mul(probabilities!);
      const scores = product.sub(probabilities!.mul(product.sum(-1, true))).mul(scale);
      return [tf.matMul(scores, k!), tf.matMul(scores, q!, true), tf.matMul(probabilities!, dy, true)];
    },
  );
  return attend(q, k, v);
}
