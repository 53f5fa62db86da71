/**
 * The shapes and types of an op's results, from those of its inputs: what lets a function be traced without computing
 * anything. Rules from TensorFlow's op documentation; sizes that an op reads from an input (a new shape, axes, a slice)
 * must be constants.
 */
import { DATA_TYPES, type OpAttribute } from '../native.js';
import type { Constant } from './graph.js';

export interface TensorDescription {
  readonly shape: readonly number[];
  /** TensorFlow's number for the type. */
  readonly dataType: number;
}

export interface OpInput extends TensorDescription {
  /** The value, where the input is a constant. */
  readonly constant?: Constant;
}

/** The op has no rule here, or its inputs do not fit it. */
export class ShapeInferenceError extends Error {
  override readonly name = 'ShapeInferenceError';
}

/** @throws ShapeInferenceError naming the op */
export function inferOutputs(
  op: string,
  attributes: readonly OpAttribute[],
  inputs: readonly OpInput[],
  outputCount: number,
): TensorDescription[] {
  const rule = RULES.get(op);
  if (!rule)
    throw new ShapeInferenceError(`op ${op}: the shape of its result is not known without computing it`);
  const outputs = rule(new OpCall(op, attributes, inputs, outputCount));
  for (const { shape } of outputs) {
    if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
      throw new ShapeInferenceError(`op ${op}: the result would have shape [${shape.join(', ')}]`);
    }
  }
  return outputs;
}

/** One call of an op, with its attributes and constant inputs by name and position. */
class OpCall {
  constructor(
    readonly op: string,
    private readonly attributes: readonly OpAttribute[],
    readonly inputs: readonly OpInput[],
    readonly outputCount: number,
  ) {}

  input(index: number): OpInput {
    const found = this.inputs[index];
    if (!found) throw this.error(`has ${this.inputs.length} inputs, needs ${index + 1}`);
    return found;
  }

  shape(index: number): readonly number[] {
    return this.input(index).shape;
  }

  attribute<T>(name: string, otherwise?: T): T {
    const found = this.attributes.find((attribute) => attribute.name === name);
    const value = (found?.value ?? otherwise) as T | undefined;
    if (value === undefined) throw this.error(`lacks its attribute ${name}`);
    return value;
  }

  /** Elements of an input that must be a constant, as one list whatever its rank. */
  numbers(index: number): number[] {
    const { constant } = this.input(index);
    if (!constant) {
      throw this.error(`its input ${index} decides the shape of the result, so it must be a constant`);
    }
    const { bytes, dataType } = constant;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.byteLength / 4 }, (_, i) =>
      dataType === DATA_TYPES.float32 ? view.getFloat32(i * 4, true) : view.getInt32(i * 4, true),
    );
  }

  integers(index: number): number[] {
    if (this.input(index).dataType !== DATA_TYPES.int32) throw this.error(`its input ${index} is not int32`);
    return this.numbers(index);
  }

  integer(index: number): number {
    const [value] = this.integers(index);
    if (value === undefined) throw this.error(`its input ${index} is empty`);
    return value;
  }

  /** An axis as a non-negative number. */
  axis(value: number, rank: number): number {
    const axis = value < 0 ? value + rank : value;
    if (axis < 0 || axis >= rank) throw this.error(`has no axis ${value} of ${rank}`);
    return axis;
  }

  /** One result. */
  one(shape: readonly number[], dataType = this.input(0).dataType): TensorDescription[] {
    return [{ shape, dataType }];
  }

  error(reason: string): ShapeInferenceError {
    const shapes = this.inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(', ');
    return new ShapeInferenceError(`op ${this.op} of ${shapes || 'no inputs'}: ${reason}`);
  }
}

type Rule = (call: OpCall) => TensorDescription[];

function broadcast(call: OpCall, ...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((shape) => shape[shape.length - rank + i] ?? 1).filter((size) => size !== 1);
    if (sizes.some((size) => size !== sizes[0])) throw call.error('the shapes do not broadcast');
    return sizes[0] ?? 1;
  });
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const unchanged: Rule = (call) => call.one(call.shape(0));
const elementwise: Rule = (call) => call.one(broadcast(call, call.shape(0), call.shape(1)));
const toBoolean =
  (rule: Rule): Rule =>
  (call) =>
    rule(call).map(({ shape }) => ({ shape, dataType: DATA_TYPES.bool }));

/** Sum and its kind: axes in input 1. */
const reduction: Rule = (call) => {
  const shape = call.shape(0);
  const axes = new Set(call.integers(1).map((axis) => call.axis(axis, shape.length)));
  return call.one(
    call.attribute('keep_dims', false)
      ? shape.map((size, axis) => (axes.has(axis) ? 1 : size))
      : shape.filter((_, axis) => !axes.has(axis)),
  );
};

/** ArgMax and ArgMin: one axis in input 1. */
const indexOfExtreme: Rule = (call) => {
  const shape = call.shape(0);
  const axis = call.axis(call.integer(1), shape.length);
  return call.one(
    shape.filter((_, i) => i !== axis),
    call.attribute('output_type'),
  );
};

const matMul: Rule = (call) => {
  const [rows, inner] = oriented(call, call.shape(0), call.attribute('transpose_a', false));
  const [innerToo, columns] = oriented(call, call.shape(1), call.attribute('transpose_b', false));
  if (inner !== innerToo) throw call.error('the inner sizes differ');
  return call.one([rows, columns]);
};

const batchMatMul: Rule = (call) => {
  const [a, b] = [call.shape(0), call.shape(1)];
  const [rows, inner] = oriented(call, a.slice(-2), call.attribute('adj_x', false));
  const [innerToo, columns] = oriented(call, b.slice(-2), call.attribute('adj_y', false));
  if (inner !== innerToo) throw call.error('the inner sizes differ');
  return call.one([...broadcast(call, a.slice(0, -2), b.slice(0, -2)), rows, columns]);
};

function oriented(call: OpCall, shape: readonly number[], transposed: boolean): [number, number] {
  if (shape.length !== 2) throw call.error('takes matrices');
  const [rows, columns] = shape as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

const reshape: Rule = (call) => {
  const wanted = call.integers(1);
  const count = product(call.shape(0));
  const known = product(wanted.filter((size) => size !== -1));
  const shape = wanted.map((size) => (size === -1 ? count / known : size));
  if (product(shape) !== count) throw call.error(`${count} elements do not fit [${wanted.join(', ')}]`);
  return call.one(shape);
};

const transpose: Rule = (call) => {
  const shape = call.shape(0);
  const order = call.integers(1);
  if (order.length !== shape.length) throw call.error('the permutation has another rank');
  return call.one(order.map((axis) => shape[call.axis(axis, shape.length)]!));
};

const slice: Rule = (call) => {
  const shape = call.shape(0);
  const [begin, size] = [call.integers(1), call.integers(2)];
  const sliced = shape.map((full, axis) => (size[axis] === -1 ? full - begin[axis]! : size[axis]!));
  if (sliced.some((length, axis) => begin[axis]! < 0 || begin[axis]! + length > shape[axis]!)) {
    throw call.error(`from [${begin.join(', ')}], size [${size.join(', ')}] is outside`);
  }
  return call.one(sliced);
};

/** As tfjs uses it: one entry an axis, masks only for open ends and dropped axes. */
const stridedSlice: Rule = (call) => {
  const shape = call.shape(0);
  const [begin, end, strides] = [call.integers(1), call.integers(2), call.integers(3)];
  if (call.attribute('ellipsis_mask', 0) !== 0 || call.attribute('new_axis_mask', 0) !== 0) {
    throw call.error('has an ellipsis or a new axis');
  }
  const has = (mask: string, axis: number): boolean => ((call.attribute(mask, 0) >> axis) & 1) === 1;
  const sliced = shape.flatMap((full, axis) => {
    if (axis >= begin.length) return [full];
    if (has('shrink_axis_mask', axis)) return [];
    const stride = strides[axis]!;
    const [lowest, highest] = stride > 0 ? [0, full] : [-1, full - 1];
    const bound = (value: number): number =>
      Math.min(Math.max(value < 0 ? value + full : value, lowest), highest);
    const from = has('begin_mask', axis) ? (stride > 0 ? 0 : full - 1) : bound(begin[axis]!);
    const to = has('end_mask', axis) ? (stride > 0 ? full : -1) : bound(end[axis]!);
    return [Math.max(0, Math.ceil((to - from) / stride))];
  });
  return call.one(sliced);
};

const concatenate: Rule = (call) => {
  const parts = call.inputs.slice(0, -1).map(({ shape }) => shape);
  const first = call.shape(0);
  const axis = call.axis(call.integer(call.inputs.length - 1), first.length);
  if (
    parts.some((part) => part.length !== first.length || part.some((n, i) => i !== axis && n !== first[i]))
  ) {
    throw call.error('the shapes differ beside the axis');
  }
  return call.one(
    first.map((size, i) => (i === axis ? parts.reduce((sum, part) => sum + part[i]!, 0) : size)),
  );
};

const pack: Rule = (call) => {
  const shape = call.shape(0);
  const axis = call.axis(call.attribute('axis', 0), shape.length + 1);
  return call.one([...shape.slice(0, axis), call.inputs.length, ...shape.slice(axis)]);
};

const unpack: Rule = (call) => {
  const shape = call.shape(0);
  const axis = call.axis(call.attribute('axis', 0), shape.length);
  const rest = shape.filter((_, i) => i !== axis);
  return Array.from({ length: shape[axis]! }, () => ({ shape: rest, dataType: call.input(0).dataType }));
};

/** Input 0 the axis, input 1 the value. */
const split: Rule = (call) => {
  const { shape, dataType } = call.input(1);
  const axis = call.axis(call.integer(0), shape.length);
  const part = shape.map((size, i) => (i === axis ? size / call.outputCount : size));
  return Array.from({ length: call.outputCount }, () => ({ shape: part, dataType }));
};

/** Inputs: value, sizes, axis. */
const splitBySizes: Rule = (call) => {
  const { shape, dataType } = call.input(0);
  const sizes = call.integers(1);
  const axis = call.axis(call.integer(2), shape.length);
  const known = sizes.filter((size) => size !== -1).reduce((a, b) => a + b, 0);
  return sizes.map((size) => ({
    shape: shape.map((full, i) => (i === axis ? (size === -1 ? full - known : size) : full)),
    dataType,
  }));
};

/** Inputs: table, indices, axis. */
const gather: Rule = (call) => {
  const table = call.shape(0);
  const axis = call.axis(call.integer(2), table.length);
  const batch = call.attribute('batch_dims', 0);
  return call.one([...table.slice(0, axis), ...call.shape(1).slice(batch), ...table.slice(axis + 1)]);
};

const gatherByIndex: Rule = (call) => {
  const indices = call.shape(1);
  return call.one([...indices.slice(0, -1), ...call.shape(0).slice(indices.at(-1))]);
};

const expandDimensions: Rule = (call) => {
  const shape = call.shape(0);
  const axis = call.axis(call.integer(1), shape.length + 1);
  return call.one([...shape.slice(0, axis), 1, ...shape.slice(axis)]);
};

const oneHot: Rule = (call) => {
  const indices = call.shape(0);
  const given = call.attribute('axis', -1);
  const axis = given === -1 ? indices.length : given;
  return call.one(
    [...indices.slice(0, axis), call.integer(1), ...indices.slice(axis)],
    call.input(2).dataType,
  );
};

const pad: Rule = (call) => {
  const paddings = call.integers(1);
  return call.one(call.shape(0).map((size, i) => size + paddings[2 * i]! + paddings[2 * i + 1]!));
};

const range: Rule = (call) => {
  const [start, limit, delta] = [0, 1, 2].map((index) => call.numbers(index)[0]!) as [number, number, number];
  return call.one([Math.max(0, Math.ceil((limit - start) / delta))]);
};

const select: Rule = (call) =>
  call.one(broadcast(call, call.shape(0), call.shape(1), call.shape(2)), call.input(1).dataType);

/** The old form: the condition may be a vector that chooses whole rows. */
const selectRows: Rule = (call) => call.one(call.shape(1), call.input(1).dataType);

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...each(
    unchanged,
    'Abs Ceil Cos Erf Exp Expm1 Floor Identity Log Log1p LogicalNot Neg OnesLike Reciprocal Round Rsqrt Sigmoid',
    'Sign Sin Sqrt Square Tanh ZerosLike Elu LeakyRelu Relu Relu6 Selu Softplus LogSoftmax Softmax Cumsum Cumprod',
    'AddN ReverseV2 MatrixBandPart BiasAdd',
  ),
  ...each(toBoolean(unchanged), 'IsFinite IsInf IsNan'),
  ...each(
    elementwise,
    'Add AddV2 Div FloorDiv FloorMod LogicalAnd LogicalOr Maximum Minimum Mul Pow RealDiv SquaredDifference Sub',
    'BitwiseAnd BitwiseOr BitwiseXor LeftShift RightShift ReluGrad RsqrtGrad SqrtGrad TanhGrad',
  ),
  ...each(toBoolean(elementwise), 'Equal Greater GreaterEqual Less LessEqual NotEqual'),
  ...each(reduction, 'All Any Max Mean Min Prod Sum'),
  ...each(indexOfExtreme, 'ArgMax ArgMin'),
  ['MatMul', matMul],
  ['BatchMatMulV2', batchMatMul],
  ['Cast', (call) => call.one(call.shape(0), call.attribute('DstT'))],
  ['Reshape', reshape],
  ['Transpose', transpose],
  ['Slice', slice],
  ['StridedSlice', stridedSlice],
  ['ConcatV2', concatenate],
  ['Pack', pack],
  ['Unpack', unpack],
  ['Split', split],
  ['SplitV', splitBySizes],
  ['GatherV2', gather],
  ['GatherNd', gatherByIndex],
  ['ExpandDims', expandDimensions],
  ['OneHot', oneHot],
  ['PadV2', pad],
  ['Range', range],
  ['SelectV2', select],
  ['Select', selectRows],
  ['Fill', (call) => call.one(call.integers(0), call.input(1).dataType)],
  ['BroadcastTo', (call) => call.one(call.integers(1))],
  ['Tile', (call) => call.one(tiled(call.shape(0), call.integers(1)))],
  ['BiasAddGrad', (call) => call.one(call.shape(0).slice(-1))],
  ['ScatterNd', (call) => call.one(call.integers(2), call.input(1).dataType)],
  ['UnsortedSegmentSum', (call) => call.one([call.integer(2), ...call.shape(0).slice(call.shape(1).length)])],
  [
    'SparseSoftmaxCrossEntropyWithLogits',
    (call) => [...call.one(call.shape(0).slice(0, 1)), ...call.one(call.shape(0))],
  ],
]);

function each(rule: Rule, ...ops: readonly string[]): [string, Rule][] {
  return ops
    .join(' ')
    .split(' ')
    .map((op) => [op, rule]);
}

function tiled(shape: readonly number[], multiples: readonly number[]): number[] {
  return shape.map((size, axis) => size * multiples[axis]!);
}
