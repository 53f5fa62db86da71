/** Records the TensorFlow ops that a tfjs function runs, gradients included, as a graph. */
import { DATA_TYPES, nativeBackend, runOp, type NativeBinding, type OpAttribute } from '../native.js';
import { tf, type Tensor } from '../tensorflow.js';
import { inputName, type Attribute, type Constant, type GraphFunction, type GraphNode } from './graph.js';
import { opSignature } from './op-signatures.js';

/** The function uses something that cannot be recorded. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

/**
 * Runs `fn` once on `inputs` and returns the graph of what it did; its results are disposed of. Tensors that it makes
 * from numbers become constants of the graph.
 *
 * @throws TraceError when an op has no known signature, or when `fn` uses a tensor that is neither an input nor made
 *   by itself; and whatever `fn` throws.
 */
export function trace(
  fn: (...inputs: Tensor[]) => Tensor[],
  inputs: readonly Tensor[],
  xla: boolean,
): GraphFunction {
  return tf.tidy(() => {
    const backend = nativeBackend();
    const recorder = new Recorder(backend.binding);
    const own = withOwnHandles(inputs);
    const inputTypes = backend
      .getInputTensorIds(own)
      .map((id, index) => recorder.addInput(id, own[index]!.dtype, inputName(index)));
    backend.binding = recorder.binding;
    try {
      const outputs = fn(...own);
      const values = backend.getInputTensorIds(outputs).map((id) => recorder.valueOf(id, 'the result'));
      tf.dispose(outputs); // those kept, too
      const graph: GraphFunction = { inputTypes, nodes: recorder.nodes, outputs: values, xla };
      return graph as unknown as tf.TensorContainer;
    } finally {
      backend.binding = recorder.original;
    }
  }) as unknown as GraphFunction;
}

/**
 * The same values under handles of their own: where a call gives one tensor for two inputs, the graph must still tell
 * them apart, for the next call may give different ones.
 */
function withOwnHandles(inputs: readonly Tensor[]): Tensor[] {
  return inputs.map((input) => {
    if (input.dtype !== 'float32' && input.dtype !== 'int32' && input.dtype !== 'bool') {
      throw new TraceError(`inputs of type ${input.dtype} cannot be traced`);
    }
    return runOp('Identity', { T: { type: input.dtype } }, [input])[0]!;
  });
}

interface Value {
  /** As a node of a function names its input: an argument, or `node:output:index`. */
  readonly value: string;
  readonly dataType: number;
}

class Recorder {
  readonly nodes: GraphNode[] = [];
  readonly binding: NativeBinding;
  private readonly values = new Map<number, Value>();
  private readonly constants = new Map<number, Constant>();
  private readonly constantValues = new Map<string, Value>();

  constructor(readonly original: NativeBinding) {
    this.binding = Object.create(original, {
      executeOp: { value: this.executeOp.bind(this) },
      createTensor: { value: this.createTensor.bind(this) },
    }) as NativeBinding;
  }

  addInput(id: number, dtype: string, name: string): number {
    const dataType = DATA_TYPES[dtype as keyof typeof DATA_TYPES];
    this.values.set(id, { value: name, dataType });
    return dataType;
  }

  /** How the graph names the tensor; a constant gets its node when it is first used. */
  valueOf(id: number, user: string): Value {
    const known = this.values.get(id);
    if (known) return known;
    const constant = this.constants.get(id);
    if (!constant) {
      throw new TraceError(
        `${user} takes a tensor from outside; pass it to the compiled function as an argument`,
      );
    }
    const value = this.constantValue(constant);
    this.values.set(id, value);
    return value;
  }

  private executeOp(
    op: string,
    attributes: readonly (OpAttribute | null)[],
    inputs: readonly number[],
    count: number,
  ): ReturnType<NativeBinding['executeOp']> {
    const signature = opSignature(op);
    if (!signature) throw new TraceError(`op ${op} has no known signature`);
    const given = attributes.filter((attribute) => attribute !== null);
    const outputs = this.original.executeOp(op, given, inputs, count);
    const values = inputs.map((id) => this.valueOf(id, op));
    const name = `node${this.nodes.length}`; // after the constants that the inputs may have added
    const inferred = Object.entries(signature.inferred ?? {}).map(([attribute, input]) => [
      attribute,
      { kind: 'type', value: values[input]!.dataType } satisfies Attribute,
    ]);
    this.nodes.push({
      name,
      op,
      inputs: values.map(({ value }) => value),
      attributes: {
        ...(Object.fromEntries(inferred) as Record<string, Attribute>),
        ...Object.fromEntries(given.map((attribute) => [attribute.name, this.attribute(op, attribute)])),
      },
    });
    outputs.forEach((output, index) => {
      const position =
        signature.outputs.length > 1 ? `${signature.outputs[index]!}:0` : `${signature.outputs[0]!}:${index}`;
      this.values.set(output.id, { value: `${name}:${position}`, dataType: output.dtype });
    });
    return outputs;
  }

  private createTensor(
    shape: number[],
    dataType: number,
    values: ArrayLike<number> & ArrayBufferView,
  ): number {
    const id = this.original.createTensor(shape, dataType, values);
    const view = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.constants.set(id, { dataType, shape: [...shape], bytes: Uint8Array.from(view) });
    return id;
  }

  /** One node for all constants with the same content. */
  private constantValue(constant: Constant): Value {
    const { dataType, shape, bytes } = constant;
    const key = `${dataType} ${shape.join(',')} ${Buffer.from(bytes).toString('base64')}`;
    const known = this.constantValues.get(key);
    if (known) return known;
    const name = `node${this.nodes.length}`;
    this.nodes.push({
      name,
      op: 'Const',
      inputs: [],
      attributes: { dtype: { kind: 'type', value: dataType }, value: { kind: 'tensor', value: constant } },
    });
    const value = { value: `${name}:output:0`, dataType };
    this.constantValues.set(key, value);
    return value;
  }

  private attribute(op: string, { name, type, value }: OpAttribute): Attribute {
    const b = this.original;
    switch (type) {
      case b.TF_ATTR_TYPE:
        return { kind: 'type', value: value as number };
      case b.TF_ATTR_BOOL:
        return { kind: 'boolean', value: value as boolean };
      case b.TF_ATTR_INT:
        return Array.isArray(value)
          ? { kind: 'integers', value: value as number[] }
          : { kind: 'integer', value: value as number };
      case b.TF_ATTR_FLOAT:
        return { kind: 'float', value: value as number };
      case b.TF_ATTR_STRING:
        return { kind: 'string', value: value as string };
      default:
        throw new TraceError(`op ${op}: attribute ${name} is of a kind that cannot be traced`);
    }
  }
}
