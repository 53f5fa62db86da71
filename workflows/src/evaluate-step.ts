import type { StepInput, StepResult } from '@plumbline/contracts';
import { compute } from './activities.js';
import { executeComputeStep } from './step-execution.js';

/** Measures policy and reward model on prompts that neither has seen. */
export function evaluateStep(input: StepInput): Promise<StepResult> {
  return executeComputeStep(input, (step) => compute.evaluate(step));
}
