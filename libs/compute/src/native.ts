/** The part of tfjs-node's backend below its public API that we build on: running TensorFlow ops by name. */
import { tf, type Tensor } from './tensorflow.js';

/** TensorFlow's numbers for the types we use (`tensorflow/core/framework/types.proto`). */
export const DATA_TYPES = { float32: 1, int32: 3, bool: 10 } as const;

export interface OpAttribute {
  readonly name: string;
  /** One of the binding's `TF_ATTR_*`. */
  readonly type: number;
  readonly value: unknown;
}

/** A tensor on the device, as the binding hands it out. */
export interface NativeTensor {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

export interface NativeBinding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  createTensor(shape: number[], dtype: number, values: unknown): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  executeOp(
    op: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): NativeTensor[];
  loadSavedModel(directory: string, tags: string): number;
  deleteSavedModel(model: number): void;
  runSavedModel(
    model: number,
    inputs: readonly number[],
    inputNames: string,
    outputNames: string,
  ): NativeTensor[];
}

export interface NativeBackend {
  binding: NativeBinding;
  getInputTensorIds(tensors: readonly Tensor[]): number[];
  createOutputTensor(native: NativeTensor): Tensor;
}

/** @throws Error when `loadTensorFlow` has not been called. */
export function nativeBackend(): NativeBackend {
  if (tf.getBackend() !== 'tensorflow') {
    throw new Error(
      `TensorFlow is not loaded (the backend is ${tf.getBackend() || 'none'}): call loadTensorFlow first`,
    );
  }
  return tf.backend() as unknown as NativeBackend;
}

/** Runs one TensorFlow op. It has no gradient; wrap it in `tf.customGrad` where one is needed. */
export function runOp(
  op: string,
  attributes: Readonly<Record<string, OpValue>>,
  inputs: readonly Tensor[],
  outputs = 1,
): Tensor[] {
  const backend = nativeBackend();
  const list = Object.entries(attributes).map(([name, value]) => opAttribute(backend.binding, name, value));
  return backend.binding
    .executeOp(op, list, backend.getInputTensorIds(inputs), outputs)
    .map((native) => backend.createOutputTensor(native));
}

export type OpValue = boolean | { readonly type: keyof typeof DATA_TYPES };

function opAttribute(binding: NativeBinding, name: string, value: OpValue): OpAttribute {
  return typeof value === 'boolean'
    ? { name, type: binding.TF_ATTR_BOOL, value }
    : { name, type: binding.TF_ATTR_TYPE, value: DATA_TYPES[value.type] };
}
