/**
 * What a graph must say of an op and eager execution works out by itself: the names of its outputs, and type
 * attributes that tfjs-node leaves out. From TensorFlow's op registry.
 */
export interface OpSignature {
  /** Names of the output arguments; an op with one list of outputs has one name. */
  readonly outputs: readonly string[];
  /** Attributes that take the type of an input, by the input's index. */
  readonly inferred?: Readonly<Record<string, number>>;
}

const named = (name: string, ops: string): [string, OpSignature][] =>
  ops.split(' ').map((op) => [op, { outputs: [name] }]);

const SIGNATURES: ReadonlyMap<string, OpSignature> = new Map<string, OpSignature>([
  ...named(
    'y',
    'Abs Cast Ceil Cos Erf Exp Expm1 Floor IsFinite IsInf IsNan Log Log1p LogicalNot Neg OnesLike',
  ),
  ...named('y', 'Reciprocal Round Rsqrt Sigmoid Sign Sin Sqrt Square Tanh Transpose ZerosLike'),
  ...named(
    'z',
    'Add AddV2 Div Equal FloorDiv FloorMod Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr',
  ),
  ...named(
    'z',
    'BitwiseAnd BitwiseXor Maximum Minimum Mul NotEqual Pow RealDiv RightShift SquaredDifference Sub',
  ),
  ...named(
    'output',
    'All Any ArgMax ArgMin BatchMatMulV2 BroadcastTo ConcatV2 Einsum Fill GatherNd GatherV2 Identity',
  ),
  ...named(
    'output',
    'Max Mean Min OneHot Pack PadV2 Prod Range Reshape ReverseV2 ScatterNd Select SelectV2 Slice',
  ),
  ...named('output', 'SplitV StridedSlice Sum Tile Unpack UnsortedSegmentSum'),
  ...named('activations', 'Elu LeakyRelu Relu Relu6 Selu Softplus'),
  ...named('out', 'Cumprod Cumsum'),
  ['AddN', { outputs: ['sum'] }],
  ['ExpandDims', { outputs: ['output'], inferred: { T: 0, Tdim: 1 } }],
  ['LogSoftmax', { outputs: ['logsoftmax'] }],
  ['MatMul', { outputs: ['product'] }],
  ['Softmax', { outputs: ['softmax'] }],
  ['SparseSoftmaxCrossEntropyWithLogits', { outputs: ['loss', 'backprop'] }],
]);

/** The op's signature, or undefined for ops that no traced function has needed yet. */
export function opSignature(op: string): OpSignature | undefined {
  return SIGNATURES.get(op);
}
