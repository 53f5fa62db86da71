import { runOp } from './native.js';
import { tf, type Tensor } from './tensorflow.js';

const FLOAT = { type: 'float32' } as const;
const INT = { type: 'int32' } as const;

/**
 * −log softmax(logits)[label] in nats, loss and gradient from one fused op: logits [N, V], labels int32 [N] → [N].
 * A label outside 0 … V−1 gives NaN.
 */
export function sparseSoftmaxCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const loss = tf.customGrad((...inputs) => {
    const [given, save] = inputs as unknown as [Tensor, (saved: Tensor[]) => void];
    const [value, gradient] = runOp(
      'SparseSoftmaxCrossEntropyWithLogits',
      { T: FLOAT, Tlabels: INT },
      [given, labels],
      2,
    ) as [Tensor, Tensor];
    save([gradient]);
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => saved[0]!.mul(dy.reshape([-1, 1])),
    };
  });
  return loss(logits);
}
