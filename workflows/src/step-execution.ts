import type { SegmentsOutcome, StepInput, StepReference, StepResult } from '@plumbline/contracts';
import { CancellationScope, ContinueAsNew, isCancellation, rootCause } from '@temporalio/workflow';
import { records } from './activities.js';
import { listenForNews } from './look-again.js';

/**
 * The frame every step shares: its row is begun, its work is done, and however it ends the row says so.
 * `work` gives the step's outputs.
 */
export async function executeStep(
  input: StepInput,
  work: (step: StepReference) => Promise<Readonly<Record<string, string>>>,
): Promise<StepResult> {
  const { stepId } = await records.beginStep(input);
  const step: StepReference = { runId: input.runId, stepId };
  try {
    const outputs = await work(step);
    await records.completeStep({ ...step, outputs });
    return { outputs };
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    const ending = isCancellation(error)
      ? ({ status: 'cancelled' } as const)
      : ({ status: 'failed', reason: rootCause(error) } as const);
    await CancellationScope.nonCancellable(() => records.markStep({ ...step, ...ending }));
    throw error;
  }
}

/** A step that is one compute activity, run to its end through any number of pauses. */
export function executeComputeStep(
  input: StepInput,
  activity: (step: StepReference) => Promise<SegmentsOutcome>,
): Promise<StepResult> {
  const news = listenForNews();
  return executeStep(input, async (step) => {
    for (;;) {
      const { outcome, outputs } = await activity(step);
      if (outcome === 'completed') return outputs;
      await records.markStep({ ...step, status: 'paused' });
      do await news();
      while (await records.pauseRequested({ runId: input.runId }));
      await records.markStep({ ...step, status: 'running' });
    }
  });
}
