import type { ArtifactStore } from '@plumbline/artifacts';
import type { SegmentsOutcome, TrainingWarning } from '@plumbline/contracts';
import {
  appendMetrics,
  commitCheckpoint,
  getStepWork,
  issueEpoch,
  recordWarnings,
  reportProgress,
  storePlan,
  SupersededError,
  type MetricPoint,
  type StepWork,
} from '@plumbline/database';
import { COMPILED_FP32, type ExecutionPlan, type StepProgress } from '@plumbline/training';
import type { DataSource } from 'typeorm';
import { choosePlan, type PlanConditions } from './choose-plan.js';
import { runComputeProcess } from './compute-process.js';
import type { StartMessage } from './protocol.js';
import { WarningWatch } from './warning-watch.js';

const ACTOR = { kind: 'service', id: 'gpu-worker' } as const;

/** Between commits, progress and curves go to Postgres at most this often. */
const REPORT_INTERVAL_MS = 1000;

/**
 * One call into TensorFlow (compiling a program, tokenising a corpus) may take this long on a busy machine, and the
 * child cannot speak meanwhile. Heartbeats go on until it has been silent for longer: then it is stuck.
 */
const LONGEST_SILENCE_MS = 180_000;
const HEARTBEAT_INTERVAL_MS = 5000;

export interface ComputeDependencies {
  readonly database: DataSource;
  readonly artifacts: ArtifactStore;
  readonly artifactsUrl: string;
  readonly conditions: PlanConditions;
}

/** This worker cannot continue what another began; a worker of that kind can. */
export class PlanMismatchError extends Error {
  constructor(planned: ExecutionPlan, device: string) {
    super(`the step was begun on a ${planned.device}; this worker computes on a ${device}`);
    this.name = 'PlanMismatchError';
  }
}

export interface StepObserver {
  /** Real progress: the newest update and checkpoint. */
  heartbeat(details: { readonly progress: StepProgress | null; readonly checkpoint: string | null }): void;
  readonly cancelled: AbortSignal;
}

/**
 * One attempt at a compute step: takes an epoch, continues from the newest committed checkpoint, and commits what the
 * TensorFlow process computes under that epoch.
 */
export async function runComputeStep(
  dependencies: ComputeDependencies,
  stepId: string,
  observer: StepObserver,
): Promise<SegmentsOutcome> {
  const { database, artifacts } = dependencies;
  const work = await getStepWork(database, stepId);
  // The activity may be repeated after it had completed, when its answer was lost on the way.
  if (work.status === 'completed') return { outcome: 'completed', outputs: work.outputs };
  if (work.pauseRequested) return { outcome: 'paused', outputs: {} };

  const { epoch, checkpoint: newest } = await issueEpoch(database, { stepId, actor: ACTOR });
  let checkpoint = newest?.artifactId ?? null;
  let progress: StepProgress | null = null;
  let lastWordAt = Date.now();
  observer.heartbeat({ progress, checkpoint });
  const lost = new AbortController();
  const reporter = new ProgressReporter(database, stepId, epoch, (error) => lost.abort(error));
  const pulse = setInterval(() => {
    if (Date.now() - lastWordAt < LONGEST_SILENCE_MS) observer.heartbeat({ progress, checkpoint });
  }, HEARTBEAT_INTERVAL_MS);
  const signal = AbortSignal.any([observer.cancelled, lost.signal]);
  try {
    const watch = await WarningWatch.over(database, work);
    const plan = await planOf(dependencies, work, epoch, {
      signal,
      onMeasure: () =>
        reporter.add({ phase: 'measuring fp32 and bf16 updates', done: 0, total: 1, unit: 'measurements' }),
    });
    const start: StartMessage = {
      kind: 'start',
      step: work.name as StartMessage['step'],
      configuration: work.configuration,
      inputs: work.inputs,
      resumeFrom: checkpoint,
      artifactsUrl: dependencies.artifactsUrl,
      plan,
    };
    const end = await runComputeProcess(
      start,
      {
        onProgress: (message) => {
          progress = message.progress;
          lastWordAt = Date.now();
          observer.heartbeat({ progress, checkpoint });
          reporter.add(progress);
          if (watch && progress.metrics) reporter.warn(watch.add(progress.metrics));
        },
        onCommit: async ({ index, id }) => {
          lastWordAt = Date.now();
          const manifest = await artifacts.get(id);
          const unwritten = reporter.takeAll();
          const answer = await commitCheckpoint(database, {
            stepId,
            epoch,
            index,
            artifactId: id,
            bytes: manifest.byteLength,
            metrics: unwritten.metrics,
            ...(unwritten.progress === null ? {} : { progress: unwritten.progress }),
            actor: ACTOR,
          });
          checkpoint = id;
          return answer;
        },
      },
      signal,
    );
    await reporter.flush();
    return { outcome: end.outcome, outputs: end.outputs };
  } finally {
    clearInterval(pulse);
    reporter.stop();
  }
}

/**
 * The plan of the step's first attempt, chosen now if this is it.
 * @throws PlanMismatchError when it is not for this worker's device
 */
async function planOf(
  { database, conditions }: ComputeDependencies,
  work: StepWork,
  epoch: number,
  choosing: Parameters<typeof choosePlan>[3],
): Promise<ExecutionPlan> {
  const stored =
    work.plan ??
    (await storePlan(database, {
      stepId: work.stepId,
      epoch,
      plan: { ...(await choosePlan(work.name, work.configuration, conditions, choosing)) },
      actor: ACTOR,
    }));
  // Plans once said no more than device and threads: everything was compiled in fp32 then, and TensorFlow sampled.
  const plan: ExecutionPlan = { ...COMPILED_FP32, generation: 'tfjs', ...stored };
  if (plan.device !== conditions.device) throw new PlanMismatchError(plan, conditions.device);
  return plan;
}

/** Gathers progress, curve points and warnings, and writes them to Postgres about once a second. */
class ProgressReporter {
  private metrics: MetricPoint[] = [];
  private warnings: readonly TrainingWarning[] = [];
  private progress: StepProgress | null = null;
  private readonly timer: NodeJS.Timeout;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: DataSource,
    private readonly stepId: string,
    private readonly epoch: number,
    private readonly onLost: (error: Error) => void,
  ) {
    this.timer = setInterval(() => void this.flush().catch(() => undefined), REPORT_INTERVAL_MS);
  }

  add(progress: StepProgress): void {
    this.progress = progress;
    if (progress.metrics === undefined) return;
    const { index, values } = progress.metrics;
    for (const [name, value] of Object.entries(values)) this.metrics.push({ name, index, value });
  }

  warn(warnings: readonly TrainingWarning[]): void {
    this.warnings = [...this.warnings, ...warnings];
  }

  /** The progress and points that were not written yet, to be written by the caller. */
  takeAll(): { metrics: MetricPoint[]; progress: Omit<StepProgress, 'metrics'> | null } {
    const metrics = this.metrics;
    const progress = this.progress;
    this.metrics = [];
    this.progress = null;
    if (progress === null) return { metrics, progress };
    const { phase, done, total, unit } = progress;
    return { metrics, progress: { phase, done, total, unit } };
  }

  flush(): Promise<void> {
    this.writing = this.writing.then(() => this.write());
    return this.writing;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async write(): Promise<void> {
    const { metrics, progress } = this.takeAll();
    const { database, stepId, epoch, warnings } = this;
    this.warnings = [];
    try {
      if (progress !== null) await reportProgress(database, { stepId, epoch, progress });
      if (metrics.length > 0) await appendMetrics(database, { stepId, epoch, metrics });
      if (warnings.length > 0) await recordWarnings(database, { stepId, epoch, warnings, actor: ACTOR });
    } catch (error) {
      if (error instanceof SupersededError) this.onLost(error);
      // Postgres may be away for a moment: the points are written with the next ones.
      else {
        this.metrics = [...metrics, ...this.metrics];
        this.warnings = [...warnings, ...this.warnings];
      }
    }
  }
}
