/**
 * Records the TensorFlow ops that a tfjs function runs, gradients included, as a graph. Nothing is computed meanwhile:
 * the tensors that the function sees have shapes and types but no values, so it cannot decide by them.
 */
import {
  DATA_TYPES,
  nativeBackend,
  type NativeBackend,
  type NativeBinding,
  type OpAttribute,
} from '../native.js';
import { tf, type Tensor } from '../tensorflow.js';
import {
  CALL,
  inputName,
  type Attribute,
  type Constant,
  type GraphFunction,
  type GraphNode,
  type NamedGraphFunction,
} from './graph.js';
import {
  DataDependentShapeError,
  isStatefulRandom,
  opDefinition,
  type Attributes,
  type OpDefinition,
  type Value,
} from './ops.js';

/** The function does something that cannot be recorded. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

/** Shape and type of an input. */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly dtype: string;
}

/**
 * Runs `fn` twice on tensors without values and returns the graph of what it did; its results are disposed of.
 * Tensors that it makes from numbers become constants of the graph.
 *
 * @throws TraceError when the two runs differ (random numbers, times, changing variables: what varies must be an
 *   argument); when `fn` reads values; when it uses a tensor that is neither an input nor made by itself; when a shape
 *   depends on data; when an op draws random numbers or is not known; and whatever `fn` throws.
 */
export function trace(fn: (...inputs: Tensor[]) => Tensor[], inputs: readonly InputSpec[]): GraphFunction {
  const graph = record(fn, inputs);
  requireSame(graph, record(fn, inputs));
  return graph;
}

function record(fn: (...inputs: Tensor[]) => Tensor[], inputs: readonly InputSpec[]): GraphFunction {
  const backend = nativeBackend();
  const recorder = new Recorder(backend.binding);
  const outer = recording;
  const types = inputs.map(({ dtype }) => {
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
      throw new TraceError(`inputs of type ${dtype} cannot be traced`);
    }
    return DATA_TYPES[dtype];
  });
  const restore = listenTo(backend, recorder);
  recording = recorder;
  try {
    return tf.tidy(() => {
      const own = inputs.map(({ shape }, index) =>
        backend.createOutputTensor(recorder.addInput(inputName(index), { shape, dataType: types[index]! })),
      );
      const outputs: unknown = fn(...own);
      if (!Array.isArray(outputs) || !outputs.every((output) => output instanceof tf.Tensor)) {
        throw new TraceError('it must return a list of tensors, and at once: no promise');
      }
      const ids = backend.getInputTensorIds(outputs as Tensor[]);
      const values = ids.map((id) => recorder.valueOf(id, 'the result'));
      tf.dispose(outputs as Tensor[]); // those kept, too
      if (recorder.refusal) throw recorder.refusal;
      const graph: GraphFunction = {
        inputTypes: types,
        nodes: recorder.nodes,
        outputs: values.map(({ name, dataType, shape }) => ({ value: name, dataType, shape })),
        functions: recorder.functions,
      };
      return graph as unknown as tf.TensorContainer;
    }) as unknown as GraphFunction;
  } finally {
    recording = outer;
    restore();
  }
}

/** Listens now; the innermost, where a function is traced inside of another one. */
let recording: Recorder | null = null;

/**
 * Results of `fn` for each list of arguments. Op by op it runs them in turn. While a function is traced, `fn` is traced
 * once and becomes a function of the program: compiled once, called for each list, at most `atOnce` calls at a time. It
 * is a pure function of its arguments, which have the same shapes and types in all lists.
 */
export function callEach(
  fn: (...inputs: Tensor[]) => Tensor[],
  lists: readonly (readonly Tensor[])[],
  atOnce = Infinity,
): Tensor[][] {
  return recording ? recording.callEach(fn, lists, atOnce) : lists.map((inputs) => fn(...inputs));
}

/** Puts the recorder between tfjs and its backend. Returns what takes it away again. */
function listenTo(backend: NativeBackend, recorder: Recorder): () => void {
  const engine = tf.engine() as unknown as {
    readSync(dataId: object): unknown;
    read(dataId: object): unknown;
  };
  const { binding } = backend;
  const heard = pick(backend, ['write', 'getInputTensorIds']);
  const read = pick(engine, ['read', 'readSync']);
  const born = new WeakSet<object>();
  const unheard = Object.getPrototypeOf(backend) as NativeBackend;
  backend.binding = recorder.binding;
  Object.assign(backend, {
    write: (values: unknown, shape: number[], dtype: string) => {
      const dataId = unheard.write.call(backend, values, shape, dtype);
      born.add(dataId);
      return dataId;
    },
    getInputTensorIds: (tensors: readonly Tensor[]) => {
      for (const { dataId } of tensors) {
        if (backend.tensorMap.get(dataId)?.values != null && !born.has(dataId)) throw fromOutside('an op');
      }
      return unheard.getInputTensorIds.call(backend, tensors);
    },
  });
  Object.assign(engine, {
    readSync: () => recorder.refuse(READS),
    read: () => {
      recorder.refuse(READS, true);
      return new Promise(() => undefined); // `data` is asynchronous: nobody may be there to take an error
    },
  });
  return () => {
    backend.binding = binding;
    for (const [object, before] of [
      [backend, heard],
      [engine, read],
    ] as const) {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete (object as unknown as Record<string, unknown>)[name];
        else Object.assign(object, { [name]: value });
      }
    }
  };
}

/** The object's own properties of these names, undefined where it inherits them. */
function pick(object: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.map((name) => [name, Object.getOwnPropertyDescriptor(object, name)?.value as unknown]),
  );
}

const READS =
  'it reads values (data, dataSync, array, arraySync): while a function is traced tensors have none. Compute with ' +
  'tensors, or read outside and pass the result as an argument';

function fromOutside(user: string): TraceError {
  return new TraceError(
    `${user} takes a tensor from outside; pass it to the compiled function as an argument`,
  );
}

/** @throws TraceError that says where two recordings of one function differ */
function requireSame(first: GraphFunction, second: GraphFunction): void {
  const hint = 'what varies (random numbers, times, counters, outer variables) must be an argument';
  if (first.nodes.length !== second.nodes.length || first.outputs.length !== second.outputs.length) {
    throw new TraceError(`running it twice gives different ops; ${hint}`);
  }
  first.nodes.forEach((node, index) => {
    const other = second.nodes[index]!;
    if (node.op !== other.op) {
      throw new TraceError(`running it twice gives different ops, ${node.op} and then ${other.op}; ${hint}`);
    }
    if (!sameAttributes(node, other)) {
      const what = node.op === 'Const' ? 'different constants' : `different attributes of ${node.op}`;
      throw new TraceError(`running it twice gives ${what}; ${hint}`);
    }
    if (!sameList(node.inputs, other.inputs)) {
      throw new TraceError(`running it twice connects ${node.op} differently; ${hint}`);
    }
  });
  if (
    !sameList(
      first.outputs.map(({ value }) => value),
      second.outputs.map(({ value }) => value),
    )
  ) {
    throw new TraceError(`running it twice returns different results; ${hint}`);
  }
  // There are as many: the nodes that call them are the same.
  first.functions.forEach(({ body }, index) => requireSame(body, second.functions[index]!.body));
}

function sameAttributes(a: GraphNode, b: GraphNode): boolean {
  const names = Object.keys(a.attributes);
  return (
    names.length === Object.keys(b.attributes).length &&
    names.every((name) => sameAttribute(a.attributes[name]!, b.attributes[name]))
  );
}

function sameAttribute(a: Attribute, b: Attribute | undefined): boolean {
  if (a.kind !== b?.kind) return false;
  if (a.kind === 'tensor' && b.kind === 'tensor') {
    const [x, y] = [a.value, b.value];
    return x.dataType === y.dataType && sameList(x.shape, y.shape) && Buffer.compare(x.bytes, y.bytes) === 0;
  }
  return Array.isArray(a.value)
    ? sameList(a.value, b.value as readonly number[])
    : Object.is(a.value, b.value);
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

interface NamedValue extends Value {
  /** As a node of a function names its input: an argument, or `node:output:index`. */
  readonly name: string;
}

interface NativeConstant extends Constant {
  readonly elements: ArrayLike<number>;
}

/** −1 is tfjs-node's mark of tensors that have not been sent to TensorFlow yet. */
const FIRST_ID = -2;

class Recorder {
  readonly nodes: GraphNode[] = [];
  readonly functions: NamedGraphFunction[] = [];
  readonly binding: NativeBinding;
  /** Found where it could not be thrown. */
  refusal: TraceError | null = null;
  private readonly values = new Map<number, NamedValue>();
  private readonly constants = new Map<number, NativeConstant>();
  private readonly constantValues = new Map<string, NamedValue>();
  private nextId = FIRST_ID;

  constructor(private readonly original: NativeBinding) {
    this.binding = Object.create(original, {
      executeOp: { value: this.executeOp.bind(this) },
      createTensor: { value: this.createTensor.bind(this) },
      tensorDataSync: { value: () => this.refuse(READS) },
    }) as NativeBinding;
  }

  addInput(name: string, value: Value): ReturnType<Recorder['add']> {
    return this.add({ ...value, name });
  }

  /** How the graph names the tensor; a constant gets its node when it is first used. */
  valueOf(id: number, user: string): NamedValue {
    const known = this.values.get(id);
    if (known) return known;
    const constant = this.constants.get(id);
    if (!constant) return this.refuse(fromOutside(user).message);
    const value = this.constantValue(constant);
    this.values.set(id, value);
    return value;
  }

  /** @throws TraceError, unless `later`: then at the end of the trace. */
  refuse(reason: string, later = false): never {
    const error = new TraceError(reason);
    if (later) this.refusal ??= error;
    if (!later) throw error;
    return undefined as never;
  }

  private add(value: NamedValue): { id: number; shape: number[]; dtype: number } {
    const id = this.nextId--;
    this.values.set(id, value);
    return { id, shape: [...value.shape], dtype: value.dataType };
  }

  private executeOp(
    op: string,
    attributes: readonly (OpAttribute | null)[],
    inputs: readonly number[],
    count: number,
  ): ReturnType<NativeBinding['executeOp']> {
    const values = inputs.map((id) => this.valueOf(id, op));
    const definition = this.definitionOf(op);
    const given: Record<string, Attribute> = {};
    for (const attribute of attributes) {
      if (attribute) given[attribute.name] = this.attribute(op, attribute);
    }
    for (const [attribute, input] of Object.entries(definition.types ?? {})) {
      given[attribute] = { kind: 'type', value: values[input]!.dataType };
    }
    const outputs = inferred(op, definition, values, given);
    if (outputs.length !== count) this.refuse(`op ${op} has ${outputs.length} outputs, not ${count}`);
    const name = `node${this.nodes.length}`; // after the constants that the inputs may have added
    this.nodes.push({ name, op, inputs: values.map((value) => value.name), attributes: given });
    return outputs.map((output, index) => {
      const names = definition.outputs;
      const position = names.length > 1 ? `${names[index]!}:0` : `${names[0]!}:${index}`;
      return this.add({ ...output, name: `${name}:${position}` });
    });
  }

  callEach(
    fn: (...inputs: Tensor[]) => Tensor[],
    lists: readonly (readonly Tensor[])[],
    atOnce: number,
  ): Tensor[][] {
    const backend = nativeBackend();
    const first = lists[0]!;
    const body = record(fn, first);
    const name = `part${this.functions.length}`;
    this.functions.push({ name, body });
    const calls: string[] = [];
    return lists.map((inputs) => {
      inputs.forEach(({ dtype, shape }, index) => {
        const expected = first[index]!;
        if (dtype !== expected.dtype || !sameList(shape, expected.shape)) {
          throw new TypeError(
            `argument ${index} is ${dtype}[${shape.join()}], in the first list ${expected.dtype}[${expected.shape.join()}]`,
          );
        }
      });
      const values = backend.getInputTensorIds(inputs).map((id) => this.valueOf(id, 'a call').name);
      const before = calls[calls.length - atOnce];
      const node = `node${this.nodes.length}`;
      calls.push(node);
      this.nodes.push({
        name: node,
        op: CALL,
        inputs: [...values, ...(before === undefined ? [] : [`^${before}`])],
        attributes: {
          Tin: { kind: 'types', value: body.inputTypes },
          Tout: { kind: 'types', value: body.outputs.map(({ dataType }) => dataType) },
          f: { kind: 'function', value: name },
        },
      });
      return body.outputs.map(({ dataType, shape }, index) =>
        backend.createOutputTensor(this.add({ name: `${node}:output:${index}`, dataType, shape })),
      );
    });
  }

  private definitionOf(op: string): OpDefinition {
    const definition = opDefinition(op);
    if (definition) return definition;
    return this.refuse(
      isStatefulRandom(op)
        ? `op ${op} draws random numbers from a state that TensorFlow keeps; draw outside and pass them as an argument`
        : `op ${op} is not known to the tracer (libs/compute/src/compile/ops.ts lists those that are)`,
    );
  }

  private createTensor(
    shape: number[],
    dataType: number,
    values: ArrayLike<number> & ArrayBufferView,
  ): number {
    const id = this.original.createTensor(shape, dataType, values);
    const view = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.constants.set(id, {
      dataType,
      shape: [...shape],
      bytes: Uint8Array.from(view),
      elements: Array.from(values),
    });
    return id;
  }

  /** One node for all constants with the same content. */
  private constantValue(constant: NativeConstant): NamedValue {
    const { dataType, shape, bytes, elements } = constant;
    const key = `${dataType} ${shape.join(',')} ${Buffer.from(bytes).toString('base64')}`;
    const known = this.constantValues.get(key);
    if (known) return known;
    const name = `node${this.nodes.length}`;
    this.nodes.push({
      name,
      op: 'Const',
      inputs: [],
      attributes: {
        dtype: { kind: 'type', value: dataType },
        value: { kind: 'tensor', value: { dataType, shape, bytes } },
      },
    });
    const value: NamedValue = { name: `${name}:output:0`, dataType, shape, constant: elements };
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
        return this.refuse(`op ${op}: attribute ${name} is of a kind that cannot be traced`);
    }
  }
}

function inferred(
  op: string,
  definition: OpDefinition,
  inputs: readonly Value[],
  given: Readonly<Record<string, Attribute>>,
): ReturnType<OpDefinition['infer']> {
  try {
    return definition.infer(inputs, attributesOf(given));
  } catch (error) {
    if (error instanceof DataDependentShapeError) throw new TraceError(`op ${op} ${error.message}`);
    throw error;
  }
}

/** Attributes that are left out have the defaults of TensorFlow's op registry: zero and false. */
function attributesOf(given: Readonly<Record<string, Attribute>>): Attributes {
  const value = (name: string): Attribute['value'] | undefined => given[name]?.value;
  return {
    integer: (name) => (value(name) ?? 0) as number,
    boolean: (name) => (value(name) ?? false) as boolean,
    string: (name) => (value(name) ?? '') as string,
  };
}
