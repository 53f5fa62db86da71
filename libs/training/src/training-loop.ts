/** Updates, checkpoints and pauses of one step: the loop that every trained step shares. */
import type { StepContext } from './step.js';

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
  update(index: number): Promise<Readonly<Record<string, number>>> | Readonly<Record<string, number>>;
  /** Writes the checkpoint of the state after `done` updates and gives its id, with what was measured for it. */
  checkpoint(done: number): Promise<{ id: string; metrics?: Readonly<Record<string, number>> }>;
}

export type TrainingLoopOutcome = { outcome: 'completed'; checkpoint: string } | { outcome: 'paused' };

/** About how many points a curve gets. */
const CURVE_POINTS = 200;

/**
 * Runs the updates `from` … `total − 1`. A checkpoint is written and committed after every `checkpointEvery`-th and
 * after the last; only there can the step pause. The last checkpoint is the step's result.
 */
export async function runTrainingLoop(loop: TrainingLoop): Promise<TrainingLoopOutcome> {
  const { context, phase, unit, from, total, checkpointEvery } = loop;
  const reportEvery = Math.max(1, Math.floor(total / CURVE_POINTS));
  let latest = context.resumeFrom;
  // The first update compiles its programs: seconds in which nothing else can be said.
  context.progress({ phase: `compiling, then ${phase}`, done: from, total, unit });
  await context.breathe();
  for (let index = from; index < total; index++) {
    const metrics = await loop.update(index);
    const done = index + 1;
    const reports = done % reportEvery === 0 || done === total;
    context.progress({
      phase,
      done,
      total,
      unit,
      ...(reports && { metrics: { index: done, values: metrics } }),
    });
    await context.breathe();
    if (done % checkpointEvery !== 0 && done !== total) continue;
    const written = await loop.checkpoint(done);
    if (written.metrics) {
      context.progress({ phase, done, total, unit, metrics: { index: done, values: written.metrics } });
    }
    await context.commit({ index: done, id: written.id });
    latest = written.id;
    if (done < total && context.shouldPause()) return { outcome: 'paused' };
  }
  if (latest === null) throw new Error(`${phase}: no updates to do and no checkpoint to continue from`);
  return { outcome: 'completed', checkpoint: latest };
}
