import type { StepInput, StepResult } from '@plumbline/contracts';
import { compute } from './activities.js';
import { executeComputeStep } from './step-execution.js';

/** Samples the responses that labelers will compare. */
export function sampleStep(input: StepInput): Promise<StepResult> {
  return executeComputeStep(input, (step) => compute.sample(step));
}
