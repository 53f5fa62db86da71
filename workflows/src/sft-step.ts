import type { StepInput, StepResult } from '@plumbline/contracts';
import { compute } from './activities.js';
import { executeComputeStep } from './step-execution.js';

/** Fine-tunes the language model on prompts with their completions. */
export function sftStep(input: StepInput): Promise<StepResult> {
  return executeComputeStep(input, (step) => compute.fineTune(step));
}
