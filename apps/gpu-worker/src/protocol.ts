import type { RunConfiguration, StepInputs, StepName } from '@plumbline/contracts';
import type { ExecutionPlan, StepProgress } from '@plumbline/training';

/*
 * What gpu-worker and its TensorFlow child say to one another over the channel that forking gives them. The child has
 * neither Temporal nor Postgres: it computes, writes artifacts, and asks its parent to commit them.
 */

/** The first message to the child. */
export interface StartMessage {
  readonly kind: 'start';
  readonly step: Exclude<StepName, 'collect'>;
  readonly configuration: RunConfiguration;
  readonly inputs: StepInputs;
  readonly resumeFrom: string | null;
  readonly artifactsUrl: string;
  readonly plan: ExecutionPlan;
}

/** The answer to a commit that is durable now. */
export interface CommittedMessage {
  readonly kind: 'committed';
  readonly pauseRequested: boolean;
}

export type ToChild = StartMessage | CommittedMessage;

export interface ProgressMessage {
  readonly kind: 'progress';
  readonly progress: StepProgress;
}

export interface CommitMessage {
  readonly kind: 'commit';
  readonly index: number;
  readonly id: string;
}

export interface EndMessage {
  readonly kind: 'end';
  readonly outcome: 'completed' | 'paused';
  readonly outputs: Readonly<Record<string, string>>;
}

export interface FailedMessage {
  readonly kind: 'failed';
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** Of the operating system (no space left, too many files): worth another attempt. */
  readonly transient: boolean;
}

export type FromChild = ProgressMessage | CommitMessage | EndMessage | FailedMessage;
