/**
 * Policy and value function as one set of named parameters, so that one optimizer moves both: the policy under the
 * transformer's own names, the value function under `value.`, be it a transformer of its own with a scalar head or such
 * a head alone, on the policy's hidden states.
 */
import type { TensorMap } from '@plumbline/artifacts';
import type { ValueConfiguration } from '@plumbline/contracts';
import { mapValues, scalarHeadShapes, type Parameters } from '@plumbline/model';

const VALUE = 'value.';

/** Whether the value function is a network of its own or a head on the policy's. */
export type ValueNetwork = ValueConfiguration['network'];

/** A separate value network that starts as the reward model (Stiennon et al. 2020). */
export const VALUE_DEFAULTS: Required<ValueConfiguration> = { network: 'separate', start: 'reward' };

/**
 * The policy starts as the pretrained model. The value function starts under a head of zeros: it predicts 0, the mean of
 * the normalised scores. A separate network starts as the reward model's transformer (Stiennon et al. 2020), which
 * already knows what the score depends on, or as the pretrained one; a shared one is the policy's (Ziegler et al. 2019).
 * @param rewardModel a transformer with its scalar head, `score.weight` [width, 1] and `score.bias`
 */
export function initialActorCritic(
  pretrained: TensorMap,
  rewardModel: TensorMap,
  { network, start = 'reward' }: ValueConfiguration = VALUE_DEFAULTS,
): TensorMap {
  const heads = scalarHeadShapes(0);
  const head = mapValues(
    Object.fromEntries(Object.keys(heads).map((name) => [name, rewardModel[name]!])),
    (tensor) => ({ ...tensor, data: new Float32Array(tensor.data.length) }),
  );
  if (network === 'shared') return { ...pretrained, ...prefixed(head) };
  return { ...pretrained, ...prefixed({ ...(start === 'reward' ? rewardModel : pretrained), ...head }) };
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
