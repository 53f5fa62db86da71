const CHUNK = 2 ** 18;

/** 32-bit integers that are appended one after the other; memory is what they need, and twice that while copied. */
export class GrowingVector {
  private readonly full: Int32Array[] = [];
  private chunk = new Int32Array(CHUNK);
  private used = 0;

  get length(): number {
    return this.full.length * CHUNK + this.used;
  }

  push(value: number): void {
    if (this.used === CHUNK) {
      this.full.push(this.chunk);
      this.chunk = new Int32Array(CHUNK);
      this.used = 0;
    }
    this.chunk[this.used++] = value;
  }

  append(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) this.push(values[i]!);
  }

  /** A copy of what there is. */
  toArray(): Int32Array {
    const all = new Int32Array(this.length);
    this.full.forEach((chunk, i) => all.set(chunk, i * CHUNK));
    all.set(this.chunk.subarray(0, this.used), this.full.length * CHUNK);
    return all;
  }
}
