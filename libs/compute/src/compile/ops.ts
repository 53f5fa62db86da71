/**
 * The ops that a traced function may use: the names of their outputs and the shapes and types these have, given those
 * of the inputs, as TensorFlow's op registry defines them. Tracing computes no values, so a shape may depend on
 * constants (a permutation, a new shape) but never on data.
 */
import { DATA_TYPES } from '../native.js';

const BOOL = DATA_TYPES.bool;

/** What is known of a tensor while tracing. */
export interface Value {
  readonly shape: readonly number[];
  readonly dataType: number;
  /** Elements, where the tensor is a constant. */
  readonly constant?: ArrayLike<number>;
}

export interface Attributes {
  integer(name: string): number;
  boolean(name: string): boolean;
  string(name: string): string;
}

export type Outputs = readonly { readonly shape: readonly number[]; readonly dataType: number }[];

export interface OpDefinition {
  /** Names of the output arguments; an op with one list of outputs has one name. */
  readonly outputs: readonly string[];
  /** Type attributes that eager execution infers from an input and tfjs-node may leave out: the input's index. */
  readonly types?: Readonly<Record<string, number>>;
  /** Shapes and types of the outputs. */
  infer(inputs: readonly Value[], attributes: Attributes): Outputs;
}

/** A shape or an axis that is computed from data: such a function cannot be traced. */
export class DataDependentShapeError extends Error {
  override readonly name = 'DataDependentShapeError';
}

/** The op's definition, or undefined for ops that no traced function has needed yet. */
export function opDefinition(op: string): OpDefinition | undefined {
  return OPS.get(op);
}

/** Draw from a generator that TensorFlow keeps: each run would give other values than the one before. */
const STATEFUL_RANDOM = new Set([
  'Multinomial',
  'ParameterizedTruncatedNormal',
  'RandomGamma',
  'RandomPoissonV2',
  'RandomShuffle',
  'RandomStandardNormal',
  'RandomUniform',
  'RandomUniformInt',
  'TruncatedNormal',
]);

export function isStatefulRandom(op: string): boolean {
  return STATEFUL_RANDOM.has(op);
}

type Infer = OpDefinition['infer'];

const same: Infer = ([x]) => [{ shape: x!.shape, dataType: x!.dataType }];

const sameShapeBool: Infer = ([x]) => [{ shape: x!.shape, dataType: BOOL }];

const broadcast: Infer = ([a, b]) => [{ shape: broadcastShapes(a!.shape, b!.shape), dataType: a!.dataType }];

const comparison: Infer = ([a, b]) => [{ shape: broadcastShapes(a!.shape, b!.shape), dataType: BOOL }];

const reduction: Infer = ([x, axes], attributes) => {
  const reduced = new Set(elements(axes!, 'the axes').map((axis) => wrap(axis, x!.shape.length)));
  const keep = attributes.boolean('keep_dims');
  const shape = x!.shape.flatMap((size, axis) => (reduced.has(axis) ? (keep ? [1] : []) : [size]));
  return [{ shape, dataType: x!.dataType }];
};

const argument: Infer = ([x, axis], attributes) => {
  const removed = wrap(elements(axis!, 'the axis')[0]!, x!.shape.length);
  const dataType = attributes.integer('output_type');
  return [{ shape: x!.shape.filter((_, index) => index !== removed), dataType }];
};

/** [..., M, K] × [..., K, N], either one transposed or not. */
const product =
  (transposeA: string, transposeB: string): Infer =>
  ([a, b], attributes) => {
    const [m] = matrix(a!.shape, attributes.boolean(transposeA));
    const [, n] = matrix(b!.shape, attributes.boolean(transposeB));
    const batch = broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    return [{ shape: [...batch, m, n], dataType: a!.dataType }];
  };

const slice: Infer = ([x, begin, size]) => {
  const from = elements(begin!, 'the begin');
  const shape = elements(size!, 'the size').map((length, axis) =>
    length === -1 ? x!.shape[axis]! - from[axis]! : length,
  );
  return [{ shape, dataType: x!.dataType }];
};

const stridedSlice: Infer = ([x, begin, end, strides], attributes) => {
  if (attributes.integer('ellipsis_mask') || attributes.integer('new_axis_mask')) {
    throw new DataDependentShapeError('takes an ellipsis or a new axis, which cannot be traced');
  }
  const [from, to, step] = [begin, end, strides].map((value) => elements(value!, 'the bounds'));
  const masks = ['begin_mask', 'end_mask', 'shrink_axis_mask'].map((name) => attributes.integer(name));
  const shape = x!.shape.flatMap((size, axis) => {
    if (axis >= from!.length) return [size];
    const [noBegin, noEnd, shrink] = masks.map((mask) => ((mask >> axis) & 1) === 1);
    if (shrink) return [];
    const stride = step![axis]!;
    const [lowest, highest] = stride > 0 ? [0, size] : [-1, size - 1];
    const bound = (value: number): number =>
      Math.min(Math.max(value < 0 ? value + size : value, lowest), highest);
    const first = noBegin ? (stride > 0 ? lowest : highest) : bound(from![axis]!);
    const last = noEnd ? (stride > 0 ? highest : lowest) : bound(to![axis]!);
    return [Math.max(0, Math.ceil((last - first) / stride))];
  });
  return [{ shape, dataType: x!.dataType }];
};

const gather: Infer = ([x, indices, axis], attributes) => {
  const along = wrap(elements(axis!, 'the axis')[0]!, x!.shape.length);
  const batch = attributes.integer('batch_dims');
  const shape = [...x!.shape.slice(0, along), ...indices!.shape.slice(batch), ...x!.shape.slice(along + 1)];
  return [{ shape, dataType: x!.dataType }];
};

const concat: Infer = (inputs) => {
  const parts = inputs.slice(0, -1);
  const along = wrap(elements(inputs.at(-1)!, 'the axis')[0]!, parts[0]!.shape.length);
  const total = parts.reduce((sum, { shape }) => sum + shape[along]!, 0);
  return [{ shape: parts[0]!.shape.with(along, total), dataType: parts[0]!.dataType }];
};

const split: Infer = ([x, sizes, axis]) => {
  const along = wrap(elements(axis!, 'the axis')[0]!, x!.shape.length);
  return elements(sizes!, 'the sizes').map((size) => ({
    shape: x!.shape.with(along, size),
    dataType: x!.dataType,
  }));
};

const pack: Infer = (inputs, attributes) => {
  const [first] = inputs;
  const along = wrap(attributes.integer('axis'), first!.shape.length + 1);
  return [{ shape: first!.shape.toSpliced(along, 0, inputs.length), dataType: first!.dataType }];
};

const unpack: Infer = ([x], attributes) => {
  const along = wrap(attributes.integer('axis'), x!.shape.length);
  const part = { shape: x!.shape.toSpliced(along, 1), dataType: x!.dataType };
  return Array.from({ length: x!.shape[along]! }, () => part);
};

const reshape: Infer = ([x, shape]) => {
  const wanted = elements(shape!, 'the shape');
  const known = wanted.reduce((size, length) => (length === -1 ? size : size * length), 1);
  const resolved = wanted.map((length) => (length === -1 ? elementCount(x!.shape) / known : length));
  return [{ shape: resolved, dataType: x!.dataType }];
};

const range: Infer = (inputs) => {
  const [start, limit, delta] = inputs.map((value) => elements(value, 'a bound')[0]!);
  const length = Math.max(0, Math.ceil((limit! - start!) / delta!));
  return [{ shape: [length], dataType: inputs[0]!.dataType }];
};

const select: Infer = ([condition, a, b]) => [
  {
    shape: broadcastShapes(condition!.shape, broadcastShapes(a!.shape, b!.shape)),
    dataType: a!.dataType,
  },
];

const oneHot: Infer = ([indices, depth, on], attributes) => {
  const axis = attributes.integer('axis');
  const at = axis === -1 ? indices!.shape.length : axis;
  const shape = indices!.shape.toSpliced(at, 0, elements(depth!, 'the depth')[0]!);
  return [{ shape, dataType: on!.dataType }];
};

const pad: Infer = ([x, paddings]) => {
  const given = elements(paddings!, 'the paddings');
  const shape = x!.shape.map((size, axis) => size + given[2 * axis]! + given[2 * axis + 1]!);
  return [{ shape, dataType: x!.dataType }];
};

const segmentSum: Infer = ([x, ids, count]) => [
  {
    shape: [elements(count!, 'the number of segments')[0]!, ...x!.shape.slice(ids!.shape.length)],
    dataType: x!.dataType,
  },
];

const einsum: Infer = (inputs, attributes) => {
  const [terms, result] = attributes.string('equation').replaceAll(' ', '').split('->') as [string, string];
  if (terms.includes('.')) {
    throw new DataDependentShapeError('takes an ellipsis, which cannot be traced');
  }
  const sizes = new Map<string, number>();
  terms.split(',').forEach((term, input) => {
    [...term].forEach((letter, axis) => sizes.set(letter, inputs[input]!.shape[axis]!));
  });
  return [{ shape: [...result].map((letter) => sizes.get(letter)!), dataType: inputs[0]!.dataType }];
};

/** Ops with one output (or one list of outputs) of that name, or with several. */
function define(
  names: string,
  output: string,
  infer: Infer,
  types?: OpDefinition['types'],
): [string, OpDefinition][] {
  return names.split(' ').map((op) => [op, { outputs: output.split(' '), infer, ...(types && { types }) }]);
}

const OPS: ReadonlyMap<string, OpDefinition> = new Map([
  ...define(
    'Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Erfc Exp Expm1 Floor Log Log1p Neg OnesLike',
    'y',
    same,
    { T: 0 },
  ),
  ...define('Reciprocal Rint Round Rsqrt Sigmoid Sign Sin Sinh Sqrt Square Tan Tanh ZerosLike', 'y', same, {
    T: 0,
  }),
  ...define('Elu LeakyRelu Relu Relu6 Selu Softplus', 'activations', same, { T: 0 }),
  ...define('EluGrad ReluGrad SoftplusGrad', 'backprops', same, { T: 0 }),
  ...define('RsqrtGrad SigmoidGrad SqrtGrad TanhGrad', 'z', same, { T: 0 }),
  ...define('Softmax', 'softmax', same, { T: 0 }),
  ...define('LogSoftmax', 'logsoftmax', same, { T: 0 }),
  ...define('ClipByValue Identity PreventGradient StopGradient ReverseV2', 'output', same, { T: 0 }),
  ...define('Cumprod Cumsum', 'out', same, { T: 0 }),
  ...define('MatrixBandPart', 'band', same, { T: 0 }),
  ...define('AddN', 'sum', same, { T: 0 }),
  ...define('BiasAdd', 'output', same, { T: 0 }),
  ...define('IsFinite IsInf IsNan', 'y', sameShapeBool, { T: 0 }),
  ...define('LogicalNot', 'y', sameShapeBool),
  ...define('LogicalAnd LogicalOr', 'z', comparison),
  ...define('Equal Greater GreaterEqual Less LessEqual NotEqual', 'z', comparison, { T: 0 }),
  ...define(
    'Add AddV2 Atan2 BitwiseAnd BitwiseOr BitwiseXor Div DivNoNan FloorDiv FloorMod LeftShift Maximum Minimum',
    'z',
    broadcast,
    { T: 0 },
  ),
  ...define('Mod Mul MulNoNan Pow RealDiv RightShift SquaredDifference Sub', 'z', broadcast, { T: 0 }),
  ...define('Max Mean Min Prod Sum', 'output', reduction, { T: 0, Tidx: 1 }),
  ...define('All Any', 'output', reduction, { Tidx: 1 }),
  ...define('ArgMax ArgMin', 'output', argument, { T: 0, Tidx: 1 }),
  ...define('MatMul', 'product', product('transpose_a', 'transpose_b'), { T: 0 }),
  ...define('BatchMatMulV2', 'output', product('adj_x', 'adj_y'), { T: 0 }),
  ...define('Einsum', 'output', einsum, { T: 0 }),
  ...define('Reshape', 'output', reshape, { T: 0, Tshape: 1 }),
  ...define('Slice', 'output', slice, { T: 0, Index: 1 }),
  ...define('StridedSlice', 'output', stridedSlice, { T: 0, Index: 1 }),
  ...define('GatherV2', 'output', gather, { Tparams: 0, Tindices: 1, Taxis: 2 }),
  ...define('SplitV', 'output', split, { T: 0, Tlen: 1 }),
  ...define('Pack', 'output', pack, { T: 0 }),
  ...define('Unpack', 'output', unpack, { T: 0 }),
  ...define('Range', 'output', range, { Tidx: 0 }),
  ...define('Select SelectV2', 'output', select, { T: 1 }),
  ...define('OneHot', 'output', oneHot, { T: 2, TI: 0 }),
  ...define('PadV2', 'output', pad, { T: 0, Tpaddings: 1 }),
  ...define('UnsortedSegmentSum', 'output', segmentSum, { T: 0, Tindices: 1, Tnumsegments: 2 }),
  [
    'ConcatV2',
    { outputs: ['output'], infer: concat, types: { T: 0 } }, // Tidx is the last input's, int32, the default
  ],
  [
    'Cast',
    {
      outputs: ['y'],
      infer: ([x], attributes) => [{ shape: x!.shape, dataType: attributes.integer('DstT') }],
      types: { SrcT: 0 },
    },
  ],
  [
    'ExpandDims',
    {
      outputs: ['output'],
      infer: ([x, axis]) => {
        const at = wrap(elements(axis!, 'the axis')[0]!, x!.shape.length + 1);
        return [{ shape: x!.shape.toSpliced(at, 0, 1), dataType: x!.dataType }];
      },
      types: { T: 0, Tdim: 1 },
    },
  ],
  [
    'Transpose',
    {
      outputs: ['y'],
      infer: ([x, permutation]) => [
        {
          shape: elements(permutation!, 'the permutation').map((axis) => x!.shape[axis]!),
          dataType: x!.dataType,
        },
      ],
      types: { T: 0, Tperm: 1 },
    },
  ],
  [
    'Tile',
    {
      outputs: ['output'],
      infer: ([x, multiples]) => {
        const times = elements(multiples!, 'the multiples');
        return [{ shape: x!.shape.map((size, axis) => size * times[axis]!), dataType: x!.dataType }];
      },
      types: { T: 0, Tmultiples: 1 },
    },
  ],
  [
    'BroadcastTo',
    {
      outputs: ['output'],
      infer: ([x, shape]) => [{ shape: elements(shape!, 'the shape'), dataType: x!.dataType }],
      types: { T: 0, Tidx: 1 },
    },
  ],
  [
    'Fill',
    {
      outputs: ['output'],
      infer: ([dimensions, value]) => [
        { shape: elements(dimensions!, 'the shape'), dataType: value!.dataType },
      ],
      types: { T: 1, index_type: 0 },
    },
  ],
  [
    'GatherNd',
    {
      outputs: ['output'],
      infer: ([x, indices]) => [
        {
          shape: [...indices!.shape.slice(0, -1), ...x!.shape.slice(indices!.shape.at(-1))],
          dataType: x!.dataType,
        },
      ],
      types: { Tparams: 0, Tindices: 1 },
    },
  ],
  [
    'ScatterNd',
    {
      outputs: ['output'],
      infer: ([, updates, shape]) => [{ shape: elements(shape!, 'the shape'), dataType: updates!.dataType }],
      types: { Tindices: 0, T: 1 },
    },
  ],
  [
    'BiasAddGrad',
    {
      outputs: ['output'],
      infer: ([x]) => [{ shape: [x!.shape.at(-1)!], dataType: x!.dataType }],
      types: { T: 0 },
    },
  ],
  [
    'SparseSoftmaxCrossEntropyWithLogits',
    {
      outputs: ['loss', 'backprop'],
      infer: ([logits, labels]) => [
        { shape: labels!.shape, dataType: logits!.dataType },
        { shape: logits!.shape, dataType: logits!.dataType },
      ],
      types: { T: 0, Tlabels: 1 },
    },
  ],
]);

/** NumPy's rules. */
function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[axis - (rank - a.length)] ?? 1;
    const y = b[axis - (rank - b.length)] ?? 1;
    return x === 1 ? y : x;
  });
}

function matrix(shape: readonly number[], transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

/** The elements of a constant. */
function elements({ constant }: Value, what: string): number[] {
  if (!constant) throw new DataDependentShapeError(`takes ${what} from data, so that shapes depend on it`);
  return Array.from(constant);
}

function wrap(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}
