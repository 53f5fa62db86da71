/**
 * Policy and value function as one set of named parameters, so that one optimizer moves both: the policy under the
 * transformer's own names, the value network, a transformer of its own with a scalar head, under `value.`.
 */
import type { TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration } from '@plumbline/contracts';
import { mapValues, parameterShapes, scalarHeadShapes, type Parameters } from '@plumbline/model';

const VALUE = 'value.';

/** Shapes of what a policy checkpoint holds beside the policy's transformer. */
export function valueShapes(model: ModelConfiguration): Record<string, readonly number[]> {
  return prefixed({ ...parameterShapes(model), ...scalarHeadShapes(model.width) });
}

/**
 * The policy starts as the pretrained model. The value network starts as the reward model's transformer (Stiennon et
 * al. 2020), which already knows what the score depends on, under a head of zeros: it predicts 0, the mean of the
 * normalised scores.
 */
export function initialActorCritic(pretrained: TensorMap, rewardModel: TensorMap): TensorMap {
  const heads = scalarHeadShapes(0);
  const value = mapValues(rewardModel, (tensor, name) =>
    name in heads ? { ...tensor, data: new Float32Array(tensor.data.length) } : tensor,
  );
  return { ...pretrained, ...prefixed(value) };
}

export function policyParameters(parameters: Parameters): Parameters {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !name.startsWith(VALUE)));
}

export function valueParameters(parameters: Parameters): Parameters {
  return Object.fromEntries(
    Object.entries(parameters)
      .filter(([name]) => name.startsWith(VALUE))
      .map(([name, tensor]) => [name.slice(VALUE.length), tensor]),
  );
}

/** The policy's transformer alone, out of a policy checkpoint's weights. */
export function policyWeights(weights: TensorMap): TensorMap {
  return Object.fromEntries(Object.entries(weights).filter(([name]) => !name.startsWith(VALUE)));
}

function prefixed<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [`${VALUE}${name}`, value]));
}
