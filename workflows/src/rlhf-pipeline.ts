import {
  pipelineSteps,
  STEP_NAMES,
  type PipelineInput,
  type PipelineResult,
  type StepName,
} from '@plumbline/contracts';
import { bulk } from './activities.js';
import { installPauseSwitch } from './pause-switch.js';
import { executeRun, executeSteps } from './run-execution.js';

/**
 * A run: pretrain → (sft) → sample → collect → reward → optimise → evaluate → report, each step a child workflow. Each
 * step takes artifacts made by earlier ones and adds its own; sft puts its model in the place of the pretrained one. A
 * run may also be one step alone, or start at a later step (a fork) from the artifacts of another run.
 */
export async function rlhfPipeline(input: PipelineInput): Promise<PipelineResult> {
  const { runId } = input;
  const run = { runId, pauseSwitch: installPauseSwitch(runId) };
  return executeRun(runId, async () => {
    const outputs = await executeSteps(run, stepsToExecute(input), input.inputs, input.optimiserInputs);
    if (input.step === undefined) await bulk.buildReport({ runId });
    return { outputs };
  });
}

function stepsToExecute({ step, fromStep, optionalSteps = [] }: PipelineInput): readonly StepName[] {
  if (step !== undefined) return [step];
  const first = fromStep === undefined ? 0 : STEP_NAMES.indexOf(fromStep);
  return pipelineSteps(optionalSteps).filter((name) => STEP_NAMES.indexOf(name) >= first);
}
