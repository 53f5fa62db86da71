import { createHash } from 'node:crypto';

/**
 * The order in which the responses of a comparison are shown in one slot: a uniformly random permutation that depends
 * on (seed, comparison key, ordinal) alone, so a reload shows the same order and a repeated run the same sequence.
 *
 * @returns positions of the responses in the comparison set, in displayed order; length `count`
 */
export function displayOrder(seed: number, comparisonKey: string, ordinal: number, count: number): number[] {
  const order = Array.from({ length: count }, (_, position) => position);
  // Fisher-Yates; the draws are 48-bit, whose bias over a handful of responses is below 1e-13.
  for (let last = count - 1; last > 0; last -= 1) {
    const draw = createHash('sha256').update(`display/${seed}/${comparisonKey}/${ordinal}/${last}`).digest();
    const chosen = draw.readUIntBE(0, 6) % (last + 1);
    [order[last], order[chosen]] = [order[chosen] as number, order[last] as number];
  }
  return order;
}
