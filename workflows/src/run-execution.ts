import {
  STEP_IO,
  stepWorkflowId,
  type InputName,
  type StepInput,
  type StepInputs,
  type StepName,
  type StepResult,
} from '@plumbline/contracts';
import { CancellationScope, isCancellation, rootCause, startChild } from '@temporalio/workflow';
import { records } from './activities.js';
import { collectStep } from './collect-step.js';
import { evaluateStep } from './evaluate-step.js';
import { optimiseStep } from './optimise-step.js';
import type { PauseSwitch } from './pause-switch.js';
import { pretrainStep } from './pretrain-step.js';
import { rewardStep } from './reward-step.js';
import { sampleStep } from './sample-step.js';
import { sftStep } from './sft-step.js';

const STEP_WORKFLOWS: Readonly<Record<StepName, (input: StepInput) => Promise<StepResult>>> = {
  pretrain: pretrainStep,
  sft: sftStep,
  sample: sampleStep,
  collect: collectStep,
  reward: rewardStep,
  optimise: optimiseStep,
  evaluate: evaluateStep,
};

/** What the frame of a run needs to know. */
export interface RunToExecute {
  readonly runId: string;
  readonly pauseSwitch: PauseSwitch;
}

/**
 * Executes steps one after the other, each a child workflow that takes artifacts made by earlier ones and adds its own.
 * @param optimiserInputs what the optimiser reads beside the inputs that the step `optimise` always has
 * @returns `artifacts` with those that the steps made
 */
export async function executeSteps(
  { runId, pauseSwitch }: RunToExecute,
  steps: readonly StepName[],
  artifacts: StepInputs & Readonly<Record<string, string>>,
  optimiserInputs: readonly InputName[] = [],
): Promise<StepInputs & Readonly<Record<string, string>>> {
  let made = artifacts;
  for (const step of steps) {
    await pauseSwitch.hold();
    const child = await startChild(STEP_WORKFLOWS[step], {
      workflowId: stepWorkflowId(runId, step),
      args: [{ runId, step, inputs: inputsOf(step, made, optimiserInputs) }],
    });
    pauseSwitch.atWork(step, [child]);
    const { outputs } = await child.result();
    made = { ...made, ...outputs };
  }
  return made;
}

/** The frame every run shares: however its work ends, its row says so. */
export async function executeRun<Result>(runId: string, work: () => Promise<Result>): Promise<Result> {
  try {
    const result = await work();
    await records.markRun({ runId, status: 'completed' });
    return result;
  } catch (error) {
    const ending = isCancellation(error)
      ? ({ status: 'cancelled' } as const)
      : ({ status: 'failed', reason: rootCause(error) } as const);
    await CancellationScope.nonCancellable(() => records.markRun({ runId, ...ending }));
    throw error;
  }
}

function inputsOf(step: StepName, artifacts: StepInputs, optimiserInputs: readonly InputName[]): StepInputs {
  const names: readonly InputName[] = [
    ...STEP_IO[step].needs,
    ...(step === 'reward' && artifacts.rewardBase !== undefined ? (['rewardBase'] as const) : []),
    ...(step === 'optimise' ? optimiserInputs : []),
  ];
  return Object.fromEntries(names.map((name) => [name, artifacts[name]]));
}
