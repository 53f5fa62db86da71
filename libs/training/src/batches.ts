import { permutation } from '@plumbline/compute';
import type { DataPosition } from './training-rows.js';

/**
 * Windows of `length` + 1 tokens (inputs and, one further, targets) from a token stream, in an order that (seed,
 * purpose) determine: every pass visits the stream's windows once, shifted by an offset of the pass's own.
 */
export class WindowBatches {
  private readonly windows: number;
  private pass = -1;
  private order: Int32Array = new Int32Array();
  private offset = 0;

  constructor(
    private readonly tokens: Int32Array,
    private readonly length: number,
    private readonly seed: number,
    private readonly purpose: string,
  ) {
    // One window fewer than would fit, so that the offset always has room.
    this.windows = Math.max(1, Math.floor((tokens.length - 1) / length) - 1);
    if (tokens.length < length + 1) {
      throw new RangeError(`${tokens.length} tokens are too few for windows of ${length} + 1`);
    }
  }

  /** Windows `cursor` … `cursor + count − 1`, [count · (length + 1)]. A pure function of its arguments. */
  rows(cursor: number, count: number): Int32Array {
    const rows = new Int32Array(count * (this.length + 1));
    for (let row = 0; row < count; row++) {
      const start = this.windowStart(cursor + row);
      rows.set(this.tokens.subarray(start, start + this.length + 1), row * (this.length + 1));
    }
    return rows;
  }

  /** Which random order window `cursor` comes from, and where in it. */
  position(cursor: number): DataPosition {
    return {
      cursor,
      purpose: this.purpose,
      pass: Math.floor(cursor / this.windows),
      position: cursor % this.windows,
    };
  }

  private windowStart(cursor: number): number {
    const pass = Math.floor(cursor / this.windows);
    if (pass !== this.pass) {
      this.pass = pass;
      this.order = permutation(this.seed, `${this.purpose} pass ${pass}`, this.windows);
      const room = this.tokens.length - this.windows * this.length; // at least 1
      this.offset = permutation(this.seed, `${this.purpose} offset ${pass}`, Math.min(room, this.length))[0]!;
    }
    return this.offset + this.order[cursor % this.windows]! * this.length;
  }
}

/** At most `limit` windows of `length` + 1 tokens, evenly spread over the stream: the same ones every time. */
export function evenWindows(tokens: Int32Array, length: number, limit: number): Int32Array[] {
  const available = Math.floor((tokens.length - 1) / length);
  const count = Math.min(limit, available);
  return Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * available) / count) * length;
    return tokens.subarray(start, start + length + 1);
  });
}
