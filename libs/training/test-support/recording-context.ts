import type { ArtifactStore } from '@plumbline/artifacts';
import { EAGER_FP32, type ExecutionPlan, type StepContext, type StepProgress } from '../src/index.js';

export interface RecordingContext extends StepContext {
  readonly commits: { index: number; id: string }[];
  readonly reports: StepProgress[];
  /** Every value reported under the name, with its index, in order. */
  metric(name: string): [number, number][];
}

/** A worker's view of a step: remembers commits and reports; pauses, or dies in the commit, after a number of them. */
export function recordingContext(
  artifacts: ArtifactStore,
  options: {
    resumeFrom?: string | null;
    pauseAfter?: number;
    dieAfter?: number;
    /** Op by op, because compiling takes longer than a test's few updates. */
    plan?: ExecutionPlan;
  } = {},
): RecordingContext {
  const commits: { index: number; id: string }[] = [];
  const reports: StepProgress[] = [];
  return {
    artifacts,
    commits,
    reports,
    metric: (name) =>
      reports.flatMap(({ metrics }) =>
        metrics?.values[name] === undefined
          ? []
          : [[metrics.index, metrics.values[name]] as [number, number]],
      ),
    plan: options.plan ?? EAGER_FP32,
    resumeFrom: options.resumeFrom ?? null,
    progress: (report) => void reports.push(report),
    commit: (checkpoint) => {
      commits.push(checkpoint);
      return commits.length === options.dieAfter ? Promise.reject(new Error('killed')) : Promise.resolve();
    },
    shouldPause: () => commits.length === options.pauseAfter,
    breathe: () => Promise.resolve(),
  };
}
