import type { StepInputs, StepName } from './run-configuration.js';
import type { PipelineInput, StudyMember } from './workflows.js';

/** Ids and small numbers only: everything else is read from Postgres and the artifact store. */
export interface StepReference {
  readonly runId: string;
  readonly stepId: string;
}

export interface SegmentsOutcome {
  /** `paused`: somebody asked for it; the newest checkpoint is committed and a later call continues from it. */
  readonly outcome: 'completed' | 'paused';
  /** Output name to artifact id; empty when paused. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** Compute activities, queue `gpu`. Each continues from the step's newest committed checkpoint. */
export interface ComputeActivities {
  pretrain(step: StepReference): Promise<SegmentsOutcome>;
  fineTune(step: StepReference): Promise<SegmentsOutcome>;
  sample(step: StepReference): Promise<SegmentsOutcome>;
  trainReward(step: StepReference): Promise<SegmentsOutcome>;
  optimise(step: StepReference): Promise<SegmentsOutcome>;
  evaluate(step: StepReference): Promise<SegmentsOutcome>;
}

export interface CollectionProgress {
  readonly judged: number;
  readonly required: number;
}

export interface PublishedCollection extends CollectionProgress {
  /** How many simulated labelers the configuration asks for; 0: people judge. */
  readonly simulatedLabelers: number;
}

/** Light activities, queue `pipeline`: database, artifacts, registry. All of them may be repeated safely. */
export interface PipelineActivities {
  /** Creates the step's row, or finds it, and marks it and the run running. */
  beginStep(input: { runId: string; step: StepName; inputs: StepInputs }): Promise<{ stepId: string }>;
  completeStep(input: StepReference & { outputs: Readonly<Record<string, string>> }): Promise<void>;
  /** `failed`, `cancelled`, `paused`, `waiting` or `running` again, with the reason where there is one. */
  markStep(
    input: StepReference & {
      status: 'running' | 'waiting' | 'paused' | 'failed' | 'cancelled';
      reason?: string;
    },
  ): Promise<void>;
  markRun(input: {
    runId: string;
    status: 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
    reason?: string;
  }): Promise<void>;
  /** Asks the compute activity to stop at its next segment, or takes that back; of a study, in all runs it started. */
  requestPause(input: { runId: string; paused: boolean }): Promise<void>;
  pauseRequested(input: { runId: string }): Promise<boolean>;
  /** Puts a comparison set before labelers: prompts, responses, comparisons, slots. */
  publishComparisons(step: StepReference): Promise<PublishedCollection>;
  collectionProgress(step: StepReference): Promise<CollectionProgress>;
  /** Judges over the public API until nothing is left that the simulated labelers may judge. */
  simulateLabelers(step: StepReference): Promise<void>;
  /** Freezes the judgements into a preference snapshot. */
  freezePreferences(step: StepReference): Promise<{ preferences: string }>;
  buildReport(input: { runId: string }): Promise<{ json: string; html: string }>;
  /** Records a run that a study starts, or finds it. `inputs`: what the study has made for it. */
  beginStudyRun(input: {
    runId: string;
    member: StudyMember;
    inputs: StepInputs;
  }): Promise<{ workflowId: string; input: PipelineInput }>;
  buildStudyReport(input: { runId: string }): Promise<{ json: string; html: string }>;
}
