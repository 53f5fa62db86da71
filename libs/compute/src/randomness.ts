/**
 * Counter-based randomness: every value is a pure function of (seed, purpose, index). No stream has to be saved,
 * and no value depends on how many others were drawn before it.
 *
 * Philox4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
 */
import { createHash } from 'node:crypto';

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const KEY_STEP_0 = 0x9e3779b9;
const KEY_STEP_1 = 0xbb67ae85;
const ROUNDS = 10;

export type PhiloxCounter = readonly [number, number, number, number];
export type PhiloxKey = readonly [number, number];

/** Ten rounds of Philox4x32; all words are unsigned 32-bit integers. */
export function philox4x32(counter: PhiloxCounter, key: PhiloxKey): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + KEY_STEP_0) >>> 0;
    k1 = (k1 + KEY_STEP_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Upper 32 bits of the 64-bit product, from 16-bit halves: no partial sum leaves the 2⁵³ of exact integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

const purposes = new Map<string, readonly [number, number, number]>();

/** 96 bits of the purpose's SHA-256: different purposes under one seed never share a block. */
function purposeWords(purpose: string): readonly [number, number, number] {
  let words = purposes.get(purpose);
  if (!words) {
    const digest = createHash('sha256').update(purpose).digest();
    words = [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8)];
    if (purposes.size >= 10_000) purposes.clear();
    purposes.set(purpose, words);
  }
  return words;
}

/** Four random words. `block` is an integer in 0 … 2⁵³−1. */
function randomBlock(seed: number, purpose: string, block: number): [number, number, number, number] {
  const [p0, p1, p2] = purposeWords(purpose);
  return philox4x32([block >>> 0, Math.floor(block / 2 ** 32) >>> 0, p1, p2], [seed >>> 0, p0]);
}

/** The `index`-th uniform of (seed, purpose): in [0, 1), 24 bits, so exact in 32-bit floats too. */
export function uniform(seed: number, purpose: string, index: number): number {
  return toUniform(randomBlock(seed, purpose, Math.floor(index / 4))[index % 4]!);
}

/** Uniforms `start` … `start + count − 1` of (seed, purpose). */
export function uniforms(seed: number, purpose: string, start: number, count: number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count;) {
    const index = start + i;
    const block = randomBlock(seed, purpose, Math.floor(index / 4));
    for (let word = index % 4; word < 4 && i < count; word++) values[i++] = toUniform(block[word]!);
  }
  return values;
}

function toUniform(word: number): number {
  return (word >>> 8) * 2 ** -24;
}

/** Standard normals 0 … `count − 1` of (seed, purpose), by Box and Muller's transform. */
export function normals(seed: number, purpose: string, count: number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 4) {
    const [a, b, c, d] = randomBlock(seed, purpose, i / 4);
    [values[i], values[i + 1]] = boxMuller(a, b);
    [values[i + 2], values[i + 3]] = boxMuller(c, d);
  }
  return values;
}

function boxMuller(a: number, b: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log((a + 1) * 2 ** -32)); // (0, 1]: the logarithm stays finite
  const angle = 2 * Math.PI * b * 2 ** -32;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/** A uniformly random order of 0 … `length − 1` (Fisher and Yates). */
export function permutation(seed: number, purpose: string, length: number): Int32Array {
  const order = Int32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const [high, low] = randomBlock(seed, purpose, i);
    const fraction = (high * 2 ** 21 + (low >>> 11)) * 2 ** -53;
    const j = Math.floor(fraction * (i + 1));
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
  return order;
}

/** The items in the order of `permutation`; the input is left as it is. */
export function shuffled<T>(seed: number, purpose: string, items: readonly T[]): T[] {
  return Array.from(permutation(seed, purpose, items.length), (i) => items[i]!);
}
