/** Updates, checkpoints and pauses of one step: the loop that every trained step shares. */
import type { StepContext } from './step.js';
import { NonFiniteUpdateError } from './trainer.js';

type Metrics = Readonly<Record<string, number>>;

export interface TrainingLoop {
  readonly context: StepContext;
  /** Shown as the progress's phase and unit. */
  readonly phase: string;
  readonly unit: string;
  /** Updates already done: the index of the checkpoint that the step continues from, else 0. */
  readonly from: number;
  readonly total: number;
  readonly checkpointEvery: number;
  /** Does update `index` (0-based); its metrics go to the curves when `reports(index)`. */
  update(index: number): Promise<Metrics> | Metrics;
  /** Updates between measurements; absent: at checkpoints. */
  readonly evaluateEvery?: number;
  /** Measures the present state, which it leaves as it is. */
  evaluate?(done: number): Promise<Metrics>;
  /** Writes the checkpoint of the state after `done` updates and gives its id, with what was measured for it. */
  checkpoint(done: number): Promise<{ id: string; metrics?: Metrics }>;
  /** Whether an update that failed left the state of the one before; absent: it always does. */
  isWhole?(): boolean;
}

export type TrainingLoopOutcome = { outcome: 'completed'; checkpoint: string } | { outcome: 'paused' };

/** An update's loss or gradients were not finite; the step stopped before anything was made of them. */
export class NonFiniteTrainingError extends Error {
  override readonly name = 'NonFiniteTrainingError';
}

/** About how many points a curve gets. */
const CURVE_POINTS = 200;

/**
 * Runs the updates `from` … `total − 1`. A checkpoint is written and committed after every `checkpointEvery`-th and
 * after the last; only there can the step pause. The last checkpoint is the step's result.
 *
 * @throws NonFiniteTrainingError naming the update and the checkpoint of the last good state, which is committed first
 */
export async function runTrainingLoop(loop: TrainingLoop): Promise<TrainingLoopOutcome> {
  const { context, phase, unit, from, total, checkpointEvery } = loop;
  const reportEvery = Math.max(1, Math.floor(total / CURVE_POINTS));
  let latest = context.resumeFrom === null ? null : { index: from, id: context.resumeFrom };
  const report = (done: number, values?: Metrics): void =>
    context.progress({ phase, done, total, unit, ...(values && { metrics: { index: done, values } }) });
  const commit = async (done: number): Promise<void> => {
    const { id, metrics } = await loop.checkpoint(done);
    if (metrics) report(done, metrics);
    latest = { index: done, id };
    await context.commit(latest);
  };

  report(from);
  await context.breathe();
  for (let index = from; index < total; index++) {
    let metrics: Metrics;
    try {
      metrics = await loop.update(index);
    } catch (error) {
      if (!(error instanceof NonFiniteUpdateError)) throw error;
      if (latest?.index !== index && (loop.isWhole?.() ?? true)) await commit(index);
      throw new NonFiniteTrainingError(`${phase}: ${error.message}. ${lastGood(latest, unit)}`, {
        cause: error,
      });
    }
    const done = index + 1;
    const isLast = done === total;
    report(done, done % reportEvery === 0 || isLast ? metrics : undefined);
    await context.breathe();
    const checkpoints = done % checkpointEvery === 0 || isLast;
    const { evaluateEvery } = loop;
    const evaluates = evaluateEvery === undefined ? checkpoints : done % evaluateEvery === 0 || isLast;
    if (loop.evaluate && evaluates) report(done, await loop.evaluate(done));
    if (!checkpoints) continue;
    await commit(done);
    if (!isLast && context.shouldPause()) return { outcome: 'paused' };
  }
  if (latest === null) throw new Error(`${phase}: no updates to do and no checkpoint to continue from`);
  return { outcome: 'completed', checkpoint: latest.id };
}

function lastGood(latest: { index: number; id: string } | null, unit: string): string {
  return latest === null
    ? 'There is no checkpoint to continue from'
    : `Continue from checkpoint ${latest.id} (${latest.index} ${unit} done), with a lower learning rate or other data`;
}
