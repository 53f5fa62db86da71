import {
  pipelineSteps,
  STEP_IO,
  STEP_NAMES,
  stepWorkflowId,
  type PipelineInput,
  type PipelineResult,
  type StepInput,
  type StepInputs,
  type StepName,
  type StepResult,
} from '@plumbline/contracts';
import { CancellationScope, isCancellation, rootCause, startChild } from '@temporalio/workflow';
import { bulk, records } from './activities.js';
import { collectStep } from './collect-step.js';
import { evaluateStep } from './evaluate-step.js';
import { optimiseStep } from './optimise-step.js';
import { installPauseSwitch } from './pause-switch.js';
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

/**
 * A run: pretrain → (sft) → sample → collect → reward → optimise → evaluate → report, each step a child workflow. Each
 * step takes artifacts made by earlier ones and adds its own; sft puts its model in the place of the pretrained one. A
 * run may also be one step alone, or start at a later step (a fork) from the artifacts of another run.
 */
export async function rlhfPipeline(input: PipelineInput): Promise<PipelineResult> {
  const { runId } = input;
  const pauseSwitch = installPauseSwitch(runId);
  let artifacts: StepInputs & Record<string, string> = { ...input.inputs };
  try {
    for (const step of stepsToExecute(input)) {
      await pauseSwitch.hold();
      const child = await startChild(STEP_WORKFLOWS[step], {
        workflowId: stepWorkflowId(runId, step),
        args: [{ runId, step, inputs: inputsOf(step, artifacts, input) }],
      });
      pauseSwitch.atWork(step, child);
      const { outputs } = await child.result();
      artifacts = { ...artifacts, ...outputs };
    }
    if (input.step === undefined) await bulk.buildReport({ runId });
    await records.markRun({ runId, status: 'completed' });
    return { outputs: artifacts };
  } catch (error) {
    const ending = isCancellation(error)
      ? ({ status: 'cancelled' } as const)
      : ({ status: 'failed', reason: rootCause(error) } as const);
    await CancellationScope.nonCancellable(() => records.markRun({ runId, ...ending }));
    throw error;
  }
}

function stepsToExecute({ step, fromStep, optionalSteps = [] }: PipelineInput): readonly StepName[] {
  if (step !== undefined) return [step];
  const first = fromStep === undefined ? 0 : STEP_NAMES.indexOf(fromStep);
  return pipelineSteps(optionalSteps).filter((name) => STEP_NAMES.indexOf(name) >= first);
}

function inputsOf(
  step: StepName,
  artifacts: StepInputs,
  { optimiserInputs = [] }: PipelineInput,
): StepInputs {
  const names = [...STEP_IO[step].needs, ...(step === 'optimise' ? optimiserInputs : [])];
  return Object.fromEntries(names.map((name) => [name, artifacts[name]]));
}
