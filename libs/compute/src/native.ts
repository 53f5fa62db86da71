/** The part of tfjs-node's backend below its public API that we build on: running TensorFlow ops by name. */
import { tf, type Tensor } from './tensorflow.js';

/** TensorFlow's numbers for the types we use (`tensorflow/core/framework/types.proto`). */
export const DATA_TYPES = { float32: 1, int32: 3, bool: 10, bfloat16: 14 } as const;

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
  readonly tensorMap: { get(dataId: object): { readonly values: unknown } | undefined };
  getInputTensorIds(tensors: readonly Tensor[]): number[];
  createOutputTensor(native: NativeTensor): Tensor;
  write(values: unknown, shape: number[], dtype: string): object;
  readSync(dataId: object): Float32Array | Int32Array | Uint8Array;
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

/**
 * Runs one TensorFlow op with attributes by name; those with a default, and types that follow from the inputs, may be
 * left out. It has no gradient; wrap it in `tf.customGrad` where one is needed. */
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

/** A flag, an integer (or list of them), a float (`{ float: 0.5 }`), a string or a type (`{ type: 'float32' }`). */
export type OpValue =
  | boolean
  | number
  | readonly number[]
  | string
  | { readonly float: number }
  | { readonly type: keyof typeof DATA_TYPES };

function opAttribute(binding: NativeBinding, name: string, value: OpValue): OpAttribute {
  if (typeof value === 'boolean') return { name, type: binding.TF_ATTR_BOOL, value };
  if (typeof value === 'string') return { name, type: binding.TF_ATTR_STRING, value };
  if (typeof value === 'number' || Array.isArray(value)) {
    const integers = typeof value === 'number' ? [value] : value;
    if (!integers.every((item) => Number.isSafeInteger(item))) {
      throw new TypeError(`${name}: ${String(value)} is no integer; a float is given as { float: … }`);
    }
    return { name, type: binding.TF_ATTR_INT, value };
  }
  const { float, type } = value as { float?: number; type?: keyof typeof DATA_TYPES };
  return type === undefined
    ? { name, type: binding.TF_ATTR_FLOAT, value: float }
    : { name, type: binding.TF_ATTR_TYPE, value: DATA_TYPES[type] };
}
