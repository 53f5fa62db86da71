import type { ComputeActivities, PipelineActivities } from '@plumbline/contracts';
import { GPU_QUEUE } from '@plumbline/contracts';
import { proxyActivities } from '@temporalio/workflow';

/*
 * Named activity profiles: each with its timeouts and retries, and the reason. Permanent errors (a corrupted artifact,
 * an impossible configuration) are thrown as non-retryable by the activities themselves.
 */

const RETRY = {
  initialInterval: '1 second',
  backoffCoefficient: 2,
  // A killed worker should be back at work soon after it returns, however often it was killed.
  maximumInterval: '10 seconds',
} as const;

/**
 * Long training on the GPU queue. No limit on the number of attempts: each kill of a worker counts as one. The
 * heartbeat carries progress, so 30 s without one means that the worker is gone or stuck.
 */
export const compute = proxyActivities<ComputeActivities>({
  taskQueue: GPU_QUEUE,
  startToCloseTimeout: '30 days',
  heartbeatTimeout: '30 seconds',
  retry: RETRY,
  // The child process finishes its update and says goodbye; then the step may be marked cancelled.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});

/** Short transactions on Postgres. A minute covers a database that is being restarted; then another worker tries. */
export const records = proxyActivities<
  Pick<
    PipelineActivities,
    | 'beginStep'
    | 'completeStep'
    | 'markStep'
    | 'markRun'
    | 'requestPause'
    | 'pauseRequested'
    | 'collectionProgress'
    | 'beginStudyRun'
  >
>({ startToCloseTimeout: '1 minute', retry: RETRY });

/** Bulk work on Postgres and artifacts: thousands of rows, a whole report. */
export const bulk = proxyActivities<
  Pick<PipelineActivities, 'publishComparisons' | 'freezePreferences' | 'buildReport' | 'buildStudyReport'>
>({ startToCloseTimeout: '10 minutes', retry: RETRY });

/** Simulated labelers judge for as long as there is something to judge; each judgement is progress. */
export const labelers = proxyActivities<Pick<PipelineActivities, 'simulateLabelers'>>({
  startToCloseTimeout: '30 days',
  heartbeatTimeout: '30 seconds',
  retry: RETRY,
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});
