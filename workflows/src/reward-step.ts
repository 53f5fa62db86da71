import type { StepInput, StepResult } from '@plumbline/contracts';
import { compute } from './activities.js';
import { executeComputeStep } from './step-execution.js';

/** Trains the reward model on the preference snapshot. */
export function rewardStep(input: StepInput): Promise<StepResult> {
  return executeComputeStep(input, (step) => compute.trainReward(step));
}
