import { isTerminal, type Status } from '@plumbline/contracts';
import { listUnfinishedRuns, markStep, setRunStatus, Step } from '@plumbline/database';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { PIPELINE_ACTOR as actor, type PipelineDependencies } from './dependencies.js';

type Ending = Extract<Status, 'failed' | 'cancelled'>;

/**
 * Runs whose workflow is over although their rows say otherwise: terminated from outside, or lost with a server. A
 * workflow that ends by itself has told Postgres before.
 */
export async function reconcileRuns({ database, temporal }: PipelineDependencies): Promise<void> {
  for (const { runId, workflowId } of await listUnfinishedRuns(database)) {
    const ending = await endingOf(temporal, workflowId);
    if (ending === null) continue;
    const steps = await database.manager.findBy(Step, { runId });
    for (const step of steps.filter(({ status }) => !isTerminal(status))) {
      await markStep(database, { stepId: step.id, ...ending, actor });
    }
    await setRunStatus(database, { runId, ...ending, actor });
  }
}

async function endingOf(
  temporal: Client,
  workflowId: string,
): Promise<{ status: Ending; reason: string } | null> {
  try {
    const { status } = await temporal.workflow.getHandle(workflowId).describe();
    if (status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW') return null;
    const cancelled = status.name === 'CANCELLED' || status.name === 'TERMINATED';
    return {
      status: cancelled ? 'cancelled' : 'failed',
      reason: `the workflow ended from outside: ${status.name.toLowerCase()}`,
    };
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return { status: 'failed', reason: `the workflow engine knows no workflow ${workflowId}` };
  }
}
