import { runOp } from './native.js';
import { tf, type Tensor } from './tensorflow.js';

const FLOAT = { type: 'float32' } as const;
const INT = { type: 'int32' } as const;

/**
 * −log softmax(logits)[label] in nats, loss and gradient from one fused op: logits [N, V], labels int32 [N] → [N].
 * A label outside 0 … V−1 gives NaN.
 */
export function sparseSoftmaxCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return withSoftmaxGradient(logits, labels, () => undefined);
}

/**
 * As `sparseSoftmaxCrossEntropy`, with the entropy of softmax(logits), [N], in nats beside it. The op gives
 * g = softmax − onehot for the gradient anyway, and H = loss − Σ g·logits, so the entropy costs one product. It has no
 * gradient: it is for looking at.
 */
export function softmaxCrossEntropyAndEntropy(
  logits: Tensor,
  labels: Tensor,
): { readonly loss: Tensor; readonly entropy: Tensor } {
  let kept: Tensor | undefined;
  const loss = withSoftmaxGradient(logits, labels, (value, gradient, given) => {
    // Kept beyond the op's scope; the clone below is in the caller's.
    kept = tf.keep(value.sub(gradient.mul(given).sum(1)));
  });
  const entropy = kept!.clone();
  kept!.dispose();
  return { loss, entropy };
}

/** @param look sees loss [N], its gradient by the logits [N, V] and the logits, within the op's scope */
function withSoftmaxGradient(
  logits: Tensor,
  labels: Tensor,
  look: (loss: Tensor, gradient: Tensor, logits: Tensor) => void,
): Tensor {
  return tf.customGrad((...inputs) => {
    const [given, save] = inputs as unknown as [Tensor, (saved: Tensor[]) => void];
    const [value, gradient] = runOp(
      'SparseSoftmaxCrossEntropyWithLogits',
      { T: FLOAT, Tlabels: INT },
      [given, labels],
      2,
    ) as [Tensor, Tensor];
    save([gradient]);
    look(value, gradient, given);
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => saved[0]!.mul(dy.reshape([-1, 1])),
    };
  })(logits);
}
