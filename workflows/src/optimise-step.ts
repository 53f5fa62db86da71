import type { StepInput, StepResult } from '@plumbline/contracts';
import { compute } from './activities.js';
import { executeComputeStep } from './step-execution.js';

/** Makes the policy, by the configured optimiser. */
export function optimiseStep(input: StepInput): Promise<StepResult> {
  return executeComputeStep(input, (step) => compute.optimise(step));
}
