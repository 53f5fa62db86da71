/** Task queues carry a version: workers of an incompatible release must not take each other's tasks. */
export const PIPELINE_QUEUE = 'plumbline-pipeline-v1';
export const GPU_QUEUE = 'plumbline-gpu-v1';

export const TEMPORAL_NAMESPACE = 'default';

/** The workflow that executes a run; one run, one workflow. */
export function runWorkflowId(runId: string): string {
  return `run-${runId}`;
}

/** The child workflow that executes one step of a run. */
export function stepWorkflowId(runId: string, step: string): string {
  return `run-${runId}-${step}`;
}
