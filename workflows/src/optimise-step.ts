import type { StepInput, StepResult } from '@plumbline/contracts';
import { compute } from './activities.js';
import { executeComputeStep } from './step-execution.js';

/** Improves the policy against the reward model by PPO. */
export function optimiseStep(input: StepInput): Promise<StepResult> {
  return executeComputeStep(input, (step) => compute.optimise(step));
}
