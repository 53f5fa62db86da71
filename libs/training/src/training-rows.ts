/** Rows of tokens to train a language model on, in an order that (seed, purpose) alone determine. */
import { permutation } from '@plumbline/compute';
import type { SupervisedExamples } from '@plumbline/data';
import type { WindowBatches } from './batches.js';

/** Rows of T + 1 tokens: each but the last is an input, each but the first a target. */
export interface TokenRows {
  readonly count: number;
  /** [count · (T + 1)] */
  readonly tokens: Int32Array;
  /** 1 for a target that the loss is over, 0 for others, [count · T]; absent: it is over all. */
  readonly learned?: Float32Array;
  /** Inputs that are no padding. */
  readonly inputTokens: number;
}

/** Where a cursor stands in the stream of random orders. */
export interface DataPosition {
  /** Rows used. */
  readonly cursor: number;
  /** Of the random order, with `pass`. */
  readonly purpose: string;
  readonly pass: number;
  /** In the pass's order. */
  readonly position: number;
}

/** An endless sequence of rows of one length. */
export interface TrainingRows {
  /** T: inputs of a row. */
  readonly length: number;
  /** Rows `cursor` … `cursor + count − 1`. */
  rows(cursor: number, count: number): TokenRows;
  position(cursor: number): DataPosition;
}

/** Windows of a token stream; see `WindowBatches`. */
export function windowRows(batches: WindowBatches, length: number): TrainingRows {
  return {
    length,
    rows: (cursor, count) => ({
      count,
      tokens: batches.rows(cursor, count),
      inputTokens: count * length,
    }),
    position: (cursor) => batches.position(cursor),
  };
}

/**
 * Examples in a new order each pass, padded at their end to `length` + 1 tokens.
 * @param padding a token; its targets are never learned, and no earlier token sees it
 */
export function exampleRows(
  examples: SupervisedExamples,
  { length, padding, seed, purpose }: { length: number; padding: number; seed: number; purpose: string },
): TrainingRows {
  const size = examples.starts.length;
  let passNow = -1;
  let order = new Int32Array();
  const exampleAt = (cursor: number): number => {
    const pass = Math.floor(cursor / size);
    if (pass !== passNow) {
      passNow = pass;
      order = permutation(seed, `${purpose} pass ${pass}`, size) as Int32Array<ArrayBuffer>;
    }
    return order[cursor % size]!;
  };
  return {
    length,
    rows: (cursor, count) => {
      const chosen = Array.from({ length: count }, (_, row) => exampleAt(cursor + row));
      return paddedExamples(examples, chosen, length, padding);
    },
    position: (cursor) => ({
      cursor,
      purpose,
      pass: Math.floor(cursor / size),
      position: cursor % size,
    }),
  };
}

/** The examples of these indices as rows, padded at their end. */
export function paddedExamples(
  { tokens, learned, starts }: SupervisedExamples,
  chosen: readonly number[],
  length: number,
  padding: number,
): TokenRows {
  const rows = new Int32Array(chosen.length * (length + 1)).fill(padding);
  const mask = new Float32Array(chosen.length * length);
  let inputTokens = 0;
  chosen.forEach((index, row) => {
    const start = starts[index]!;
    const end = starts[index + 1] ?? tokens.length;
    rows.set(tokens.subarray(start, end), row * (length + 1));
    mask.set(learned.subarray(start + 1, end), row * length);
    inputTokens += end - start - 1;
  });
  return { count: chosen.length, tokens: rows, learned: mask, inputTokens };
}

/** Tokens of the longest example. */
export function longestExample({ tokens, starts }: SupervisedExamples): number {
  return starts.reduce((longest, start, i) => Math.max(longest, (starts[i + 1] ?? tokens.length) - start), 0);
}

/** `count` rows from row `first` on; those beyond the last are repeated with nothing learned. */
export function sliceRows(rows: TokenRows, length: number, first: number, count: number): TokenRows {
  const tokens = new Int32Array(count * (length + 1));
  const learned = new Float32Array(count * length);
  const present = Math.min(count, rows.count - first);
  for (let row = 0; row < count; row++) {
    const from = first + (row % present);
    tokens.set(rows.tokens.subarray(from * (length + 1), (from + 1) * (length + 1)), row * (length + 1));
    if (row >= present) continue;
    if (rows.learned) learned.set(rows.learned.subarray(from * length, (from + 1) * length), row * length);
    else learned.fill(1, row * length, (row + 1) * length);
  }
  return { count, tokens, learned, inputTokens: present * length };
}
