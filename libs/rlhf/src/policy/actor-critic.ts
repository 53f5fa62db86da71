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
 * @param rewardModel a transformer with its scalar head; of any size where the value network does not start as it
 * @throws RangeError where it would start as one of another size
 */
export function initialActorCritic(
  pretrained: TensorMap,
  rewardModel: TensorMap,
  { network, start = 'reward' }: ValueConfiguration = VALUE_DEFAULTS,
): TensorMap {
  if (network === 'shared') return { ...pretrained, ...prefixed(zeroHead(pretrained)) };
  if (start === 'pretrained')
    return { ...pretrained, ...prefixed({ ...pretrained, ...zeroHead(pretrained) }) };
  const other = Object.keys(pretrained).find(
    (name) => pretrained[name]!.shape.join() !== rewardModel[name]?.shape.join(),
  );
  if (other !== undefined) {
    throw new RangeError(
      `the value network cannot start as the reward model, which has another ${other} than the policy; ` +
        'optimise.value.start may be pretrained',
    );
  }
  return { ...pretrained, ...prefixed({ ...rewardModel, ...zeroHead(pretrained) }) };
}

function zeroHead(transformer: TensorMap): TensorMap {
  return mapValues(scalarHeadShapes(widthOf(transformer)), (shape) => ({
    dtype: 'F32' as const,
    shape: [...shape],
    data: new Float32Array(shape.reduce((size, length) => size * length, 1)),
  }));
}

/** D of a transformer, by its token embeddings, [V, D]. */
function widthOf(transformer: TensorMap): number {
  return transformer['wte.weight']!.shape[1]!;
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
