/**
 * A traced function as TensorFlow's messages: FunctionDef, the graph that calls it, and the SavedModel around it, the
 * one form in which tfjs-node loads a graph. Field numbers from tensorflow/core/framework/*.proto and
 * tensorflow/core/protobuf/{meta_graph,saved_model}.proto.
 */
import { Message } from './protobuf.js';

/** Values of AttrValue's `value`, by kind. */
export type Attribute =
  | { readonly kind: 'type' | 'integer'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'integers' | 'types'; readonly value: readonly number[] }
  | { readonly kind: 'function'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: Constant };

export interface Constant {
  readonly dataType: number;
  readonly shape: readonly number[];
  /** Row-major elements, little endian. */
  readonly bytes: Uint8Array;
}

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface GraphFunction {
  readonly inputTypes: readonly number[];
  readonly nodes: readonly GraphNode[];
  /** What the function returns: inputs (`input0`, …) or nodes' outputs (`node:output:0`). */
  readonly outputs: readonly {
    readonly value: string;
    readonly dataType: number;
    readonly shape: readonly number[];
  }[];
  /** Those that nodes of type `CALL` call; each is optimised and compiled once, however many calls there are. */
  readonly functions: readonly NamedGraphFunction[];
}

export interface NamedGraphFunction {
  readonly name: string;
  readonly body: GraphFunction;
}

/** A node's op: runs the function in attribute `f`. */
export const CALL = 'PartitionedCall';

const FUNCTION_NAME = 'traced';
const XLA: Readonly<Record<string, Attribute>> = { _XlaMustCompile: { kind: 'boolean', value: true } };
/** Otherwise each call becomes a copy of the function's nodes. */
const CALLED: Readonly<Record<string, Attribute>> = { _noinline: { kind: 'boolean', value: true } };
/** GraphDef version of TensorFlow 2.9 and later; older producers get behaviour of the past. */
const PRODUCER = 1087;

export const inputName = (index: number): string => `input${index}`;

/**
 * A SavedModel (tag `serve`) whose placeholders `input0` … feed one call of the function, node `call`. With `xla` the
 * whole function becomes one XLA program, or fails to load.
 */
export function encodeSavedModel(traced: GraphFunction, { xla }: { readonly xla: boolean }): Uint8Array {
  const call: GraphNode = {
    name: 'call',
    op: CALL,
    inputs: traced.inputTypes.map((_, index) => inputName(index)),
    attributes: {
      Tin: { kind: 'types', value: traced.inputTypes },
      Tout: { kind: 'types', value: traced.outputs.map(({ dataType }) => dataType) },
      f: { kind: 'function', value: FUNCTION_NAME },
      ...(xla && XLA),
    },
  };
  const graph = new Message();
  traced.inputTypes.forEach((dataType, index) => {
    const attributes: GraphNode['attributes'] = { dtype: { kind: 'type', value: dataType } };
    graph.bytes(1, nodeDef({ name: inputName(index), op: 'Placeholder', inputs: [], attributes }));
  });
  graph.bytes(1, nodeDef(call));
  const library = new Message().bytes(1, functionDef(FUNCTION_NAME, traced, xla ? XLA : {}));
  for (const { name, body } of functionsOf(traced)) library.bytes(1, functionDef(name, body, CALLED));
  graph.bytes(2, library);
  graph.bytes(4, new Message().integer(1, PRODUCER));
  const information = new Message().bytes(4, 'serve').bytes(5, '2.21.0');
  return new Message().integer(1, 1).bytes(2, new Message().bytes(1, information).bytes(2, graph)).encode();
}

function functionsOf({ functions }: GraphFunction): NamedGraphFunction[] {
  return functions.flatMap((called) => [called, ...functionsOf(called.body)]);
}

function functionDef(
  name: string,
  { inputTypes, nodes, outputs }: GraphFunction,
  attributes: GraphNode['attributes'],
): Message {
  const signature = new Message().bytes(1, name);
  inputTypes.forEach((dataType, index) => signature.bytes(2, argument(inputName(index), dataType)));
  outputs.forEach(({ dataType }, index) => signature.bytes(3, argument(`output${index}`, dataType)));
  const message = new Message().bytes(1, signature);
  for (const node of nodes) message.bytes(3, nodeDef(node));
  outputs.forEach(({ value }, index) => message.entry(4, `output${index}`, value));
  for (const [key, value] of Object.entries(attributes)) message.entry(5, key, attributeValue(value));
  return message;
}

function argument(name: string, dataType: number): Message {
  return new Message().bytes(1, name).integer(3, dataType);
}

function nodeDef({ name, op, inputs, attributes }: GraphNode): Message {
  const message = new Message().bytes(1, name).bytes(2, op);
  for (const input of inputs) message.bytes(3, input);
  for (const [key, value] of Object.entries(attributes)) message.entry(5, key, attributeValue(value));
  return message;
}

function attributeValue(attribute: Attribute): Message {
  const message = new Message();
  switch (attribute.kind) {
    case 'integers':
      return message.bytes(1, new Message().integers(3, attribute.value));
    case 'types':
      return message.bytes(1, new Message().integers(6, attribute.value));
    case 'string':
      return message.bytes(2, attribute.value);
    case 'integer':
      return message.integer(3, attribute.value);
    case 'float':
      return message.float(4, attribute.value);
    case 'boolean':
      return message.integer(5, attribute.value);
    case 'type':
      return message.integer(6, attribute.value);
    case 'tensor':
      return message.bytes(8, tensor(attribute.value));
    case 'function':
      return message.bytes(10, new Message().bytes(1, attribute.value));
  }
}

function tensor({ dataType, shape, bytes }: Constant): Message {
  const dimensions = new Message();
  for (const size of shape) dimensions.bytes(2, new Message().integer(1, size));
  return new Message().integer(1, dataType).bytes(2, dimensions).bytes(4, bytes);
}
