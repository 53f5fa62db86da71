import { stepsOf } from '@plumbline/contracts';
import type { RunDetail, StepDetail } from './api.js';
import { shownMetrics, took, warningLine, type Member } from './describe-run.js';

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
  const metrics = shownMetrics(step, 2);
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

/** What a run that a study has started is doing. */
export function memberLine({ name, status, currentStep, progress }: Member): string {
  const { phase, done, total, unit } = progress ?? { phase: 'starting', done: 0, total: 0, unit: '' };
  const doing =
    status === 'running' && currentStep !== null
      ? `${currentStep}: ${phase} ${String(done)}/${String(total)} ${unit}`.trimEnd()
      : status;
  return `${name}  ${doing}`;
}

/** Shows a run's steps while they happen: redrawn in place on a terminal, a line every few seconds elsewhere. */
export class RunBars {
  #drawn = 0;
  #lastLine = '';
  #lastLineAt = 0;
  readonly #told = new Map<string, string>();
  readonly #warned = new Set<string>();

  constructor(private readonly stream: NodeJS.WriteStream = process.stderr) {}

  show(run: RunDetail): void {
    this.#warn(run);
    if (this.stream.isTTY) this.#redraw(run);
    else this.#tell(run);
  }

  /** Each warning once, above the bars. */
  #warn(run: RunDetail): void {
    for (const step of run.steps) {
      for (const warning of step.warnings) {
        const line = warningLine(step.name, warning);
        if (this.#warned.has(line)) continue;
        this.#warned.add(line);
        const up = this.#drawn > 0 ? `\x1b[${String(this.#drawn)}A\x1b[J` : '';
        this.stream.write(`${up}${line}\n`);
        this.#drawn = 0;
      }
    }
  }

  #redraw(run: RunDetail): void {
    const width = Math.max(20, this.stream.columns - 1);
    const lines = [
      ...stepsOf(run.configuration).map((name) => stepLine(name, stepOf(run, name))),
      ...(run.members ?? []).map(memberLine),
    ].map((line) => line.slice(0, width));
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
    for (const member of run.members ?? []) {
      const told = `${member.status} ${member.currentStep ?? ''}`;
      if (this.#told.get(member.runId) === told) continue;
      this.#told.set(member.runId, told);
      this.#line(memberLine(member));
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
