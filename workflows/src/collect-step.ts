import type { StepInput, StepReference, StepResult } from '@plumbline/contracts';
import { continueAsNew, workflowInfo } from '@temporalio/workflow';
import { bulk, labelers, records } from './activities.js';
import { listenForNews } from './look-again.js';
import { executeStep } from './step-execution.js';

/** Puts the comparisons before labelers, waits until enough is judged, and freezes the preference snapshot. */
export function collectStep(input: StepInput): Promise<StepResult> {
  const news = listenForNews();
  return executeStep(input, async (step) => {
    const { judged, required, simulatedLabelers } = await bulk.publishComparisons(step);
    if (judged < required) {
      if (simulatedLabelers > 0) await labelers.simulateLabelers(step);
      await waitForJudgements(input, step, news);
    }
    const { preferences } = await bulk.freezePreferences(step);
    return { preferences };
  });
}

async function waitForJudgements(
  input: StepInput,
  step: StepReference,
  news: () => Promise<void>,
): Promise<void> {
  let waiting = false;
  for (;;) {
    await news();
    const { judged, required } = await records.collectionProgress(step);
    if (judged >= required) break;
    if (!waiting) {
      waiting = true;
      await records.markStep({ ...step, status: 'waiting' });
    }
    // Publishing again changes nothing, so a fresh history may simply start from the top.
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof collectStep>(input);
  }
  if (waiting) await records.markStep({ ...step, status: 'running' });
}
