import type { InputName, OptionalStepName, StepInputs, StepName } from './run-configuration.js';

/** Names under which workflows are registered and started. */
export const WORKFLOW_NAMES = {
  pipeline: 'rlhfPipeline',
  study: 'overoptimisationStudy',
  pretrain: 'pretrainStep',
  sft: 'sftStep',
  sample: 'sampleStep',
  collect: 'collectStep',
  reward: 'rewardStep',
  optimise: 'optimiseStep',
  evaluate: 'evaluateStep',
} as const;

export interface PipelineInput {
  readonly runId: string;
  /** Present when the run is a single step. */
  readonly step?: StepName;
  /** Artifact ids the run starts from: a single step's inputs, or the earlier steps' outputs of a fork. */
  readonly inputs: StepInputs;
  /** First step to execute; earlier ones are taken from `inputs`. */
  readonly fromStep?: StepName;
  /** Optional steps that the configuration asks for; absent: none. */
  readonly optionalSteps?: readonly OptionalStepName[];
  /** What the optimiser reads beside the inputs that the step `optimise` always has (`ALGORITHM_INPUTS`); absent: nothing. */
  readonly optimiserInputs?: readonly InputName[];
}

/** A run that a study starts. */
export interface StudyMember {
  /** Index of the reward model's size in `study.rewardModels`. */
  readonly size: number;
  /** Labels that its reward model learns from; absent: the run pretrains a model of the size. */
  readonly labels?: number;
}

export interface StudyInput {
  readonly runId: string;
  /** By index of `study.rewardModels`: whether the size needs a pretrained model of its own. */
  readonly pretrains: readonly boolean[];
  readonly labels: readonly number[];
}

export interface PipelineResult {
  readonly outputs: Readonly<Record<string, string>>;
}

export interface StepInput {
  readonly runId: string;
  readonly step: StepName;
  readonly inputs: StepInputs;
}

export interface StepResult {
  readonly outputs: Readonly<Record<string, string>>;
}

/** Signal to a step's workflow: something it may wait for (a judgement, a resumption) was committed. Carries no data. */
export const LOOK_AGAIN_SIGNAL = 'lookAgain';
/** Updates of the run's workflow; the validator refuses what does not fit its state. */
export const PAUSE_UPDATE = 'pause';
export const RESUME_UPDATE = 'resume';
/** Query of the run's workflow. */
export const STATE_QUERY = 'state';

export interface RunState {
  readonly paused: boolean;
  readonly step: StepName | null;
}
