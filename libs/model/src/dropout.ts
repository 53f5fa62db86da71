/**
 * Dropout whose masks are a pure function of (seed, site, element): a counter hashed by ordinary 32-bit integer ops, so
 * that eager and compiled execution, and a resumed run, drop the same elements.
 *
 * Srivastava et al. 2014, "inverted": what is kept is scaled by 1/(1−p), so that nothing changes when it is off.
 */
import { runOp, tf, uniform, type Tensor } from '@plumbline/compute';

/** What varies from update to update. */
export interface DropoutOptions {
  /** int32 scalar; every update, and every micro-batch of one, has its own: see `dropoutSeed`. */
  readonly seed: Tensor;
}

const INT = { type: 'int32' } as const;
/** The comparison with the rate is made on the upper 24 of a word's 32 bits. */
const RATE_BITS = 24;

/** The seed of the masks of an update: an int32, a pure function of (run's seed, purpose, index). */
export function dropoutSeed(seed: number, purpose: string, index: number): number {
  const high = uniform(seed, `dropout ${purpose}`, 2 * index) * 2 ** 24;
  const low = uniform(seed, `dropout ${purpose}`, 2 * index + 1) * 2 ** 24;
  return (high << 8) ^ low;
}

/**
 * `x` with each element set to 0 at probability `rate`, the others divided by 1 − `rate`. One call's `site` must differ
 * from those of all others under the same seed. The mask has no gradient of its own.
 */
export function dropout(x: Tensor, rate: number, site: number, { seed }: DropoutOptions): Tensor {
  return tf.tidy(() => x.mul(dropoutMask(x.shape, rate, site, seed)));
}

/** 0 at probability `rate`, else 1/(1 − `rate`). */
function dropoutMask(shape: readonly number[], rate: number, site: number, seed: Tensor): Tensor {
  const elements = shape.reduce((a, b) => a * b, 1);
  // Two keys of 32 bits from (seed, site), the second from the first.
  const first = mix(integerOp('BitwiseXor', mix(seed), integer(Math.imul(site + 1, 0x9e3779b9))));
  const second = mix(integerOp('Add', first, integer(0x85ebca6b)));
  const counter = tf.range(0, elements, 1, 'int32');
  const words = mix(integerOp('BitwiseXor', mix(integerOp('BitwiseXor', counter, first)), second));
  const kept = shiftRight(words, 32 - RATE_BITS).greaterEqual(integer(Math.round(rate * 2 ** RATE_BITS)));
  return kept
    .toFloat()
    .mul(1 / (1 - rate))
    .reshape([...shape]);
}

/** A bijection of 32-bit words in which every input bit moves every output bit: Wellons's `lowbias32`. */
function mix(words: Tensor): Tensor {
  let x = integerOp('BitwiseXor', words, shiftRight(words, 16));
  x = integerOp('Mul', x, integer(0x7feb352d));
  x = integerOp('BitwiseXor', x, shiftRight(x, 15));
  x = integerOp('Mul', x, integer(0x846ca68b));
  return integerOp('BitwiseXor', x, shiftRight(x, 16));
}

/** Shifts zeros in from the left; TensorFlow's own shift of signed words copies the sign. */
function shiftRight(words: Tensor, bits: number): Tensor {
  return integerOp(
    'BitwiseAnd',
    integerOp('RightShift', words, integer(bits)),
    integer(2 ** (32 - bits) - 1),
  );
}

/** Products and sums wrap around. */
function integerOp(
  op: 'Add' | 'Mul' | 'BitwiseAnd' | 'BitwiseXor' | 'RightShift',
  a: Tensor,
  b: Tensor,
): Tensor {
  return runOp(op, { T: INT }, [a, b])[0]!;
}

/** The word's 32 bits as a signed scalar. */
function integer(word: number): Tensor {
  return tf.scalar(word | 0, 'int32');
}
