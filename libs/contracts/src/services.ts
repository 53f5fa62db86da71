import type { Status } from './status.js';
import type { TrainingWarning } from './training-warnings.js';

/** Services that `plumbline up` supervises, in the order they start. */
export const SERVICE_NAMES = ['postgres', 'temporal', 'api', 'pipeline-worker', 'gpu-worker'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export interface ServiceStatus {
  readonly name: ServiceName;
  readonly state: 'running' | 'starting' | 'stopped' | 'external';
  readonly address: string | null;
  readonly pid: number | null;
}

/** `plumbline run show --json`. */
export interface RunDescription {
  readonly runId: string;
  readonly name: string;
  readonly status: Status;
  readonly steps: readonly {
    readonly name: string;
    readonly status: Status;
    readonly startedAt: string | null;
    readonly finishedAt: string | null;
    readonly checkpoints: readonly { readonly index: number; readonly id: string }[];
    readonly metrics: Readonly<Record<string, number>>;
    /** What the curves gave reason to warn of; absent: nothing. */
    readonly warnings?: readonly TrainingWarning[];
  }[];
  readonly report: string | null;
  /** Of a study: the runs that it has started. */
  readonly members?: readonly { readonly runId: string; readonly name: string; readonly status: Status }[];
}
