/** Named tensors of a model or an optimizer, on the device; `TensorMap` is the same in host memory. */
import type { NamedTensor, TensorMap } from '@plumbline/artifacts';
import { tf, type Tensor } from '@plumbline/compute';

export type Parameters = Readonly<Record<string, Tensor>>;

/** The named parameter. @throws Error naming it when it is absent. */
export function parameter(parameters: Parameters, name: string): Tensor {
  const found = parameters[name];
  if (!found) throw new Error(`the model has no parameter ${name}`);
  return found;
}

export function toTensorMap(parameters: Parameters): TensorMap {
  return mapValues(parameters, (tensor): NamedTensor => {
    const data = tensor.dataSync();
    return tensor.dtype === 'int32'
      ? { dtype: 'I32', shape: tensor.shape, data: data as Int32Array }
      : { dtype: 'F32', shape: tensor.shape, data: data as Float32Array };
  });
}

/**
 * Fresh tensors, owned by the caller, in the order of their names: sums over all parameters must not depend on whether
 * they were just made or read from a checkpoint.
 */
export function fromTensorMap(tensors: TensorMap): Parameters {
  const sorted = Object.fromEntries(Object.entries(tensors).sort(([a], [b]) => (a < b ? -1 : 1)));
  return mapValues(sorted, ({ dtype, shape, data }) =>
    tf.tensor(data, [...shape], dtype === 'I32' ? 'int32' : 'float32'),
  );
}

export function disposeParameters(parameters: Parameters): void {
  tf.dispose(Object.values(parameters));
}

/**
 * @throws Error naming the first parameter that is missing, unexpected or of another shape.
 */
export function checkShapes(
  tensors: Readonly<Record<string, { readonly shape: readonly number[] }>>,
  expected: Readonly<Record<string, readonly number[]>>,
): void {
  for (const [name, shape] of Object.entries(expected)) {
    const found = tensors[name]?.shape;
    if (!found) throw new Error(`parameter ${name} is missing`);
    if (found.length !== shape.length || found.some((size, axis) => size !== shape[axis])) {
      throw new Error(`parameter ${name} has shape [${found.join(', ')}], expected [${shape.join(', ')}]`);
    }
  }
  for (const name of Object.keys(tensors)) {
    if (!(name in expected)) throw new Error(`parameter ${name} does not belong to this model`);
  }
}

export function mapValues<A, B>(
  record: Readonly<Record<string, A>>,
  map: (value: A, name: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}
