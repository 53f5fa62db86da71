/** What a compute step sees of the world around it: artifacts, durable commits, progress. No Temporal, no database. */
import type { ArtifactStore } from '@plumbline/artifacts';
import type { RunConfiguration, StepInputs } from '@plumbline/contracts';
import type { ExecutionPlan } from './execution-plan.js';

export interface StepProgress {
  /** What is being done now, as a person would say it. */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** What `done` and `total` count: `updates`, `comparisons`, `episodes`, … */
  readonly unit: string;
  /** Values measured at update or iteration `index`; they go to the run's curves. */
  readonly metrics?: { readonly index: number; readonly values: Readonly<Record<string, number>> };
}

export interface StepContext {
  readonly artifacts: ArtifactStore;
  readonly plan: ExecutionPlan;
  /** Newest committed checkpoint of this step; null at its first start. */
  readonly resumeFrom: string | null;
  /** Cheap; called at least every few seconds. */
  progress(progress: StepProgress): void;
  /** Resolves once the checkpoint is durable; rejects if a newer attempt has taken over. */
  commit(checkpoint: { readonly index: number; readonly id: string }): Promise<void>;
  /** Whether somebody asked the step to pause; looked at after each commit. */
  shouldPause(): boolean;
  /** Gives the event loop a turn (messages, cancellation). Awaited at least once an update. */
  breathe(): Promise<void>;
}

export type StepOutcome =
  | { readonly outcome: 'completed'; readonly outputs: Readonly<Record<string, string>> }
  | { readonly outcome: 'paused' };

/**
 * One stage of a run. Continues from `context.resumeFrom`; the ids of its checkpoints and outputs depend on
 * configuration and inputs alone, not on how often it was interrupted.
 */
export type StepFunction = (
  configuration: RunConfiguration,
  inputs: StepInputs,
  context: StepContext,
) => Promise<StepOutcome>;
