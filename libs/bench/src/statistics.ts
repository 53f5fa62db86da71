/** @throws RangeError when there is nothing to take the median of */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no values to take the median of');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no values to take the mean of');
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard error of the mean: the sample's standard deviation over √n. */
export function standardError(values: readonly number[]): number {
  if (values.length < 2) throw new RangeError('a standard error needs at least two values');
  const centre = mean(values);
  const variance = values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
  return Math.sqrt(variance / values.length);
}
