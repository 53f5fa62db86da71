import type { BenchProgress } from '@plumbline/bench';

const BAR_CELLS = 20;
const LINE_EVERY_MS = 5000;

/** What a bench is doing: one line redrawn in place on a terminal, a line every few seconds elsewhere. */
export class BenchBar {
  #lastPhase = '';
  #lastLineAt = 0;

  constructor(private readonly stream: NodeJS.WriteStream = process.stderr) {}

  show({ phase, done, total }: BenchProgress): void {
    const filled = Math.floor((total > 0 ? Math.min(1, done / total) : 0) * BAR_CELLS);
    const bar = '█'.repeat(filled) + '·'.repeat(BAR_CELLS - filled);
    const line = `${bar} ${String(done)}/${String(total)}  ${phase}`;
    if (this.stream.isTTY) {
      this.stream.write(`\r\x1b[K${line.slice(0, Math.max(20, this.stream.columns - 1))}`);
      return;
    }
    if (phase === this.#lastPhase && Date.now() - this.#lastLineAt < LINE_EVERY_MS) return;
    this.#lastPhase = phase;
    this.#lastLineAt = Date.now();
    this.stream.write(`${line}\n`);
  }

  remark(text: string): void {
    this.clear();
    this.stream.write(`${text}\n`);
  }

  clear(): void {
    if (this.stream.isTTY) this.stream.write('\r\x1b[K');
  }
}
