import type { StepInput, StepResult } from '@plumbline/contracts';
import { compute } from './activities.js';
import { executeComputeStep } from './step-execution.js';

/** Trains the language model on the corpus. */
export function pretrainStep(input: StepInput): Promise<StepResult> {
  return executeComputeStep(input, (step) => compute.pretrain(step));
}
