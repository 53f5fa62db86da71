import { DatabaseError, SupersededError } from '@plumbline/database';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { ComputeError } from './compute-process.js';

/** Decides which errors are tried again; docs/decisions/0004 has the reasons. */
export function inTemporalTerms(error: unknown): unknown {
  if (error instanceof CancelledFailure) {
    // A worker that shuts down is no wish of the user's: the step goes on elsewhere or later.
    return error.message.includes('WORKER_SHUTDOWN')
      ? ApplicationFailure.retryable('the worker was shut down', 'WorkerShutdown')
      : error;
  }
  if (error instanceof ComputeError && !error.transient) {
    return ApplicationFailure.nonRetryable(error.message, error.errorName, { stack: error.stack });
  }
  // A superseded attempt's word no longer counts with Temporal either.
  if (error instanceof DatabaseError && !(error instanceof SupersededError)) {
    return ApplicationFailure.nonRetryable(error.message, error.name, { code: error.code });
  }
  return error;
}
