import { tf, type Tensor } from '@plumbline/compute';
import { mapValues, type Parameters } from '@plumbline/model';
import type { Batch, LossFunction } from './trainer.js';

export interface LossAndGradients {
  /** `loss` and what else the loss function reports; scalars. */
  readonly metrics: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly weight: Tensor | undefined;
  readonly gradients: Parameters;
}

/** Gradients of the loss by parameter; a parameter that the loss does not use gets zeros. */
export function lossAndGradients(loss: LossFunction, parameters: Parameters, batch: Batch): LossAndGradients {
  const names = Object.keys(parameters);
  // Kept, because the tape disposes of everything in the loss function but the loss.
  const keep = (tensor: Tensor): Tensor => tf.keep(tensor.clone());
  let metrics: Record<string, Tensor> = {};
  let outputs: Record<string, Tensor> = {};
  let weight: Tensor | undefined;
  const { value, grads } = tf.valueAndGrads((...values: Tensor[]) => {
    const result = loss(Object.fromEntries(names.map((name, i) => [name, values[i]!])), batch);
    metrics = mapValues(result.metrics ?? {}, keep);
    outputs = mapValues(result.outputs ?? {}, keep);
    weight = result.weight && keep(result.weight);
    return result.loss.asScalar();
  })(names.map((name) => parameters[name]!));
  return {
    metrics: { loss: value, ...metrics },
    outputs,
    weight,
    gradients: Object.fromEntries(names.map((name, i) => [name, grads[i]!])),
  };
}
