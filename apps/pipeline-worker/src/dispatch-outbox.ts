import { LOOK_AGAIN_SIGNAL, stepWorkflowId } from '@plumbline/contracts';
import { JUDGEMENTS_TOPIC, markDispatched, takeUndispatched } from '@plumbline/database';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { PipelineDependencies } from './dependencies.js';

/** A waiting workflow is told at most once in this time, however many judgements arrive. */
export const DISPATCH_INTERVAL_MS = 1000;

const BATCH = 1000;

/** Tells the workflows that wait for judgements that there are some. The signal carries no data. */
export async function dispatchOutbox({ database, temporal }: PipelineDependencies): Promise<void> {
  const told = new Set<string>();
  for (;;) {
    const messages = await takeUndispatched(database, BATCH);
    for (const { runId, topic } of messages) {
      if (topic !== JUDGEMENTS_TOPIC || told.has(runId)) continue;
      told.add(runId);
      await signal(temporal, stepWorkflowId(runId, 'collect'));
    }
    await markDispatched(
      database,
      messages.map(({ id }) => id),
    );
    if (messages.length < BATCH) return;
  }
}

async function signal(temporal: PipelineDependencies['temporal'], workflowId: string): Promise<void> {
  try {
    await temporal.workflow.getHandle(workflowId).signal(LOOK_AGAIN_SIGNAL);
  } catch (error) {
    // The workflow ended: cancelled, or it had enough judgements. Nobody waits.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
