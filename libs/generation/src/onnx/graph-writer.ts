/** Writes ONNX models (onnx.proto3): the few messages that a decoder takes. Weights stay outside of the file. */
import { Message } from '@plumbline/compute';

const IR_VERSION = 10;
const OPSET = 21;
const CONTRIBUTED = 'com.microsoft';

/** TensorProto.DataType */
export const ElementType = { float: 1, int32: 6, int64: 7 } as const;
export type ElementType = (typeof ElementType)[keyof typeof ElementType];

/** A number fixes a dimension, a name leaves it to the call. */
export type Dimensions = readonly (number | string)[];

/** AttributeProto.AttributeType */
const AttributeType = { float: 1, integer: 2 } as const;

export interface NodeOptions {
  /** Attributes; those that are no floats in ONNX's schema are given as integers. */
  readonly floats?: Readonly<Record<string, number>>;
  readonly integers?: Readonly<Record<string, number>>;
  /** One of onnxruntime's own ops. */
  readonly contributed?: boolean;
}

/** A graph under construction: nodes run in the order they are added. */
export class GraphWriter {
  private readonly nodes: Message[] = [];
  private readonly initializers: Message[] = [];
  private readonly inputs: Message[] = [];
  private readonly outputs: Message[] = [];
  private values = 0;

  input(name: string, type: ElementType, dimensions: Dimensions): string {
    this.inputs.push(valueInformation(name, type, dimensions));
    return name;
  }

  output(name: string, type: ElementType, dimensions: Dimensions): void {
    this.outputs.push(valueInformation(name, type, dimensions));
  }

  /** A float weight whose data is handed to the session beside the model. */
  external(name: string, shape: readonly number[]): string {
    const entry = new Message().bytes(1, 'location').bytes(2, 'weights');
    this.initializers.push(
      new Message()
        .integers(1, shape)
        .integer(2, ElementType.float)
        .bytes(8, name)
        .bytes(13, entry)
        .integer(14, 1), // data_location: EXTERNAL
    );
    return name;
  }

  /** @returns the name of the node's only result */
  add(op: string, inputs: readonly string[], options?: NodeOptions): string {
    const result = this.newName();
    this.addNamed(op, inputs, [result], options);
    return result;
  }

  /** @param outputs names of the results; an empty one is not computed */
  addNamed(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    { floats = {}, integers = {}, contributed = false }: NodeOptions = {},
  ): void {
    const node = new Message();
    for (const input of inputs) node.bytes(1, input);
    for (const output of outputs) node.bytes(2, output);
    node.bytes(4, op);
    for (const [name, value] of Object.entries(floats)) {
      node.bytes(5, new Message().bytes(1, name).float(2, value).integer(20, AttributeType.float));
    }
    for (const [name, value] of Object.entries(integers)) {
      node.bytes(5, new Message().bytes(1, name).integer(3, value).integer(20, AttributeType.integer));
    }
    if (contributed) node.bytes(7, CONTRIBUTED);
    this.nodes.push(node);
  }

  newName(): string {
    return `v${this.values++}`;
  }

  /** The model's bytes. */
  encode(): Uint8Array {
    const graph = new Message();
    for (const node of this.nodes) graph.bytes(1, node);
    graph.bytes(2, 'decoder');
    for (const initializer of this.initializers) graph.bytes(5, initializer);
    for (const input of this.inputs) graph.bytes(11, input);
    for (const output of this.outputs) graph.bytes(12, output);
    return new Message()
      .integer(1, IR_VERSION)
      .bytes(2, 'plumbline')
      .bytes(7, graph)
      .bytes(8, new Message().integer(2, OPSET))
      .bytes(8, new Message().bytes(1, CONTRIBUTED).integer(2, 1))
      .encode();
  }
}

function valueInformation(name: string, type: ElementType, dimensions: Dimensions): Message {
  const shape = new Message();
  for (const dimension of dimensions) {
    shape.bytes(
      1,
      typeof dimension === 'string' ? new Message().bytes(2, dimension) : new Message().integer(1, dimension),
    );
  }
  const tensor = new Message().integer(1, type).bytes(2, shape);
  return new Message().bytes(1, name).bytes(2, new Message().bytes(1, tensor));
}
