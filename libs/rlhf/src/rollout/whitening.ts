/**
 * Scales to variance 1 (biased variance, ε inside the root, as OpenAI's lm-human-preferences does), over the entries
 * that `mask` marks.
 *
 * With mean shift the mean becomes 0 (advantages); without, the mean stays where it was (rewards, whose sign matters).
 * Entries the mask leaves out count for nothing and come back 0.
 * @param mask true = counts; absent: all do
 */
export function whiten(
  values: ArrayLike<number>,
  options: { readonly shiftMean: boolean; readonly mask?: ArrayLike<boolean> },
): Float64Array {
  const { shiftMean, mask } = options;
  const counts = (index: number): boolean => !mask || mask[index] === true;
  const { mean, variance } = moments(values, mask);
  const scale = 1 / Math.sqrt(variance + EPSILON);
  const kept = shiftMean ? 0 : mean;
  return Float64Array.from(values, (value, index) => (counts(index) ? (value - mean) * scale + kept : 0));
}

const EPSILON = 1e-8;

/** Mean and biased variance of the entries that `mask` marks; both 0 when there are none. */
export function moments(
  values: ArrayLike<number>,
  mask?: ArrayLike<boolean>,
): { readonly mean: number; readonly variance: number } {
  let count = 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    if (mask && !mask[i]) continue;
    count += 1;
    sum += values[i]!;
  }
  if (count === 0) return { mean: 0, variance: 0 };
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    if (mask && !mask[i]) continue;
    squares += (values[i]! - mean) ** 2;
  }
  return { mean, variance: squares / count };
}
