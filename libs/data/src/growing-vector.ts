/** 32-bit integers that are appended one after the other; memory is at most about twice what they need. */
export class GrowingVector {
  private data = new Int32Array(1024);
  private used = 0;

  get length(): number {
    return this.used;
  }

  push(value: number): void {
    this.reserve(1);
    this.data[this.used++] = value;
  }

  append(values: ArrayLike<number>): void {
    this.reserve(values.length);
    this.data.set(values, this.used);
    this.used += values.length;
  }

  /** A copy of what there is. */
  toArray(): Int32Array {
    return this.data.slice(0, this.used);
  }

  private reserve(more: number): void {
    const needed = this.used + more;
    if (needed <= this.data.length) return;
    const grown = new Int32Array(Math.max(needed, 2 * this.data.length));
    grown.set(this.data.subarray(0, this.used));
    this.data = grown;
  }
}
