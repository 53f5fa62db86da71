/** A linear layer from hidden states to one number: a reward model's score, a value function's estimate. */
import { normals, tf, type Tensor } from '@plumbline/compute';
import { parameter, type Parameters } from './parameters.js';

export function scalarHeadShapes(width: number): Record<string, readonly number[]> {
  return {
    'score.weight': [1, width],
    'score.bias': [1],
  };
}

/** All zero, as a value head starts, so that it predicts 0 everywhere. */
export function zeroScalarHead(width: number): Parameters {
  return { 'score.weight': tf.zeros([1, width]), 'score.bias': tf.zeros([1]) };
}

/**
 * Weights N(0, 1/(D+1)), as a reward head starts (Ziegler et al. 2019): scores of about unit variance.
 * @param of which of several heads; they are independent
 */
export function randomScalarHead(width: number, seed: number, of = 0): Parameters {
  const deviation = 1 / Math.sqrt(width + 1);
  const purpose = of === 0 ? 'initialise score.weight' : `initialise score.weight ${of}`;
  const values = normals(seed, purpose, width).map((value) => value * deviation);
  return { 'score.weight': tf.tensor2d(values, [1, width]), 'score.bias': tf.zeros([1]) };
}

/** hidden [..., D] → [...]. */
export function scalarHead(parameters: Parameters, hidden: Tensor): Tensor {
  const width = hidden.shape.at(-1)!;
  return tf
    .matMul(hidden.reshape([-1, width]), parameter(parameters, 'score.weight') as tf.Tensor2D, false, true)
    .add(parameter(parameters, 'score.bias'))
    .reshape(hidden.shape.slice(0, -1));
}
