import { stepsOf } from '@plumbline/contracts';
import type { RunDetail, StepDetail } from './api.js';
import { took } from './describe-run.js';
import { formatNumber } from './output.js';

const BAR_CELLS = 24;
const LINE_EVERY_MS = 5000;

/** One line per step: what it is doing and how far it is. */
export function stepLine(name: string, step: StepDetail | undefined): string {
  const label = name.padEnd(9);
  if (!step) return `${label} ${'·'.repeat(BAR_CELLS)}`;
  const { done, total, text } = progressOf(step);
  const share = step.status === 'completed' ? 1 : total > 0 ? Math.min(1, done / total) : 0;
  const filled = Math.floor(share * BAR_CELLS);
  const bar = '█'.repeat(filled) + '·'.repeat(BAR_CELLS - filled);
  const percent = `${String(Math.floor(share * 100)).padStart(3)} %`;
  const metrics = Object.entries(step.metrics)
    .slice(0, 2)
    .map(([metric, value]) => `${metric} ${formatNumber(value)}`);
  const details = [step.status === 'running' ? text : step.status, took(step), ...metrics].filter(Boolean);
  return `${label} ${bar} ${percent}  ${details.join(' · ')}`;
}

function progressOf(step: StepDetail): { done: number; total: number; text: string } {
  if (step.collection && step.collection.required > 0) {
    const { judged, required } = step.collection;
    return { done: judged, total: required, text: `${String(judged)} of ${String(required)} judgements` };
  }
  if (!step.progress) return { done: 0, total: 0, text: 'starting' };
  const { phase, done, total, unit } = step.progress;
  return { done, total, text: `${phase} ${String(done)}/${String(total)} ${unit}` };
}

/** Shows a run's steps while they happen: redrawn in place on a terminal, a line every few seconds elsewhere. */
export class RunBars {
  #drawn = 0;
  #lastLine = '';
  #lastLineAt = 0;
  readonly #told = new Map<string, string>();

  constructor(private readonly stream: NodeJS.WriteStream = process.stderr) {}

  show(run: RunDetail): void {
    if (this.stream.isTTY) this.#redraw(run);
    else this.#tell(run);
  }

  #redraw(run: RunDetail): void {
    const width = Math.max(20, this.stream.columns - 1);
    const lines = stepsOf(run.configuration).map((name) => stepLine(name, stepOf(run, name)).slice(0, width));
    const up = this.#drawn > 0 ? `\x1b[${String(this.#drawn)}A` : '';
    this.stream.write(up + lines.map((line) => `\r\x1b[K${line}\n`).join(''));
    this.#drawn = lines.length;
  }

  #tell(run: RunDetail): void {
    for (const step of run.steps) {
      if (this.#told.get(step.name) === step.status) continue;
      this.#told.set(step.name, step.status);
      this.#line(stepLine(step.name, step));
    }
    const current = run.steps.find(({ status }) => status === 'running' || status === 'waiting');
    if (current && Date.now() - this.#lastLineAt >= LINE_EVERY_MS)
      this.#line(stepLine(current.name, current));
  }

  #line(line: string): void {
    if (line === this.#lastLine) return;
    this.stream.write(`${line.trimEnd()}\n`);
    this.#lastLine = line;
    this.#lastLineAt = Date.now();
  }
}

function stepOf(run: RunDetail, name: string): StepDetail | undefined {
  return run.steps.find((step) => step.name === name);
}
