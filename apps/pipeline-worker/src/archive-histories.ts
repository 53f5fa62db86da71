import { STEP_NAMES, stepWorkflowId } from '@plumbline/contracts';
import { listUnarchivedRuns, setRunHistory } from '@plumbline/database';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { historyToJSON, type History } from '@temporalio/common/lib/proto-utils.js';
import { describeArtifact } from './describe-artifact.js';
import { PIPELINE_ACTOR, type PipelineDependencies } from './dependencies.js';

/** The histories of a run's workflow and its children, complete, as Temporal's own tools read them. */
export interface ArchivedHistories {
  readonly kind: 'workflow-histories';
  readonly workflows: readonly {
    readonly workflowId: string;
    /** Temporal's id of this execution; a workflow that continued as new has several. */
    readonly executionId: string;
    readonly history: unknown;
  }[];
}

/** Runs that closed and are not archived yet: their histories go into the artifact store, since servers forget. */
export async function archiveHistories({
  database,
  artifacts,
  temporal,
}: PipelineDependencies): Promise<void> {
  for (const { runId, workflowId } of await listUnarchivedRuns(database)) {
    // The run's row is finished by the workflow's last activity; the history, only a moment later.
    if (await isOpen(temporal, workflowId)) continue;
    const workflowIds = [workflowId, ...STEP_NAMES.map((step) => stepWorkflowId(runId, step))];
    const workflows = [];
    for (const id of workflowIds) workflows.push(...(await readExecutions(temporal, id)));
    if (workflows.length === 0) continue;
    const archived: ArchivedHistories = { kind: 'workflow-histories', workflows };
    const history = await describeArtifact(artifacts, await artifacts.putJson(archived));
    await setRunHistory(database, { runId, history, actor: PIPELINE_ACTOR });
  }
}

async function isOpen(temporal: Client, workflowId: string): Promise<boolean> {
  try {
    return (await temporal.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** All executions of a workflow, the first one first; none when the server does not know it. */
async function readExecutions(
  temporal: Client,
  workflowId: string,
): Promise<ArchivedHistories['workflows'][number][]> {
  try {
    const executions: ArchivedHistories['workflows'][number][] = [];
    let executionId: string | null | undefined = (await temporal.workflow.getHandle(workflowId).describe())
      .runId;
    while (executionId) {
      const history: History = await temporal.workflow.getHandle(workflowId, executionId).fetchHistory();
      executions.unshift({ workflowId, executionId, history: JSON.parse(historyToJSON(history)) as unknown });
      executionId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    }
    return executions;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}
