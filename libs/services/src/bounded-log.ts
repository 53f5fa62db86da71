import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** A log that never grows beyond twice `limitBytes`: a full file becomes `FILE.1`, replacing the one before. */
export class BoundedLog {
  #descriptor: number;
  #bytes: number;
  #closed = false;

  constructor(
    readonly file: string,
    private readonly limitBytes = 10_000_000,
  ) {
    mkdirSync(dirname(file), { recursive: true });
    this.#descriptor = openSync(file, 'a', 0o600);
    this.#bytes = fstatSync(this.#descriptor).size;
  }

  /** After `close` it does nothing: a program's last words may come late. */
  write(chunk: Buffer | string): void {
    if (this.#closed) return;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.limitBytes) this.#turnOver();
    writeSync(this.#descriptor, bytes);
    this.#bytes += bytes.length;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#descriptor);
  }

  #turnOver(): void {
    closeSync(this.#descriptor);
    renameSync(this.file, `${this.file}.1`);
    this.#descriptor = openSync(this.file, 'a', 0o600);
    this.#bytes = 0;
  }
}
