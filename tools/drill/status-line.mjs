const LINE_EVERY_MS = 10_000;

/** What goes on now: rewritten in place on a terminal, a line every ten seconds elsewhere. */
export class StatusLine {
  #stream;
  #shownAt = 0;

  constructor(stream) {
    this.#stream = stream;
  }

  show(text) {
    const stream = this.#stream;
    if (stream.isTTY) {
      stream.write(`\r\x1b[K${text.slice(0, (stream.columns ?? 80) - 1)}`);
    } else if (Date.now() - this.#shownAt >= LINE_EVERY_MS) {
      this.#shownAt = Date.now();
      stream.write(`${text}\n`);
    }
  }

  clear() {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K');
  }
}
