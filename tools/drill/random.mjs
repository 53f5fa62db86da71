import { createHash } from 'node:crypto';

/** Uniform numbers in [0, 1) that are a pure function of (seed, purpose, index): 48 bits of a SHA-256. */
export function uniform(seed, purpose, index) {
  const hash = createHash('sha256').update(`${seed}\0${purpose}\0${index}`).digest();
  return hash.readUIntBE(0, 6) / 2 ** 48;
}

/** A copy in an order that (seed, purpose) determine (Fisher and Yates). */
export function shuffled(items, seed, purpose) {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = Math.floor(uniform(seed, purpose, last) * (last + 1));
    [result[last], result[other]] = [result[other], result[last]];
  }
  return result;
}
