import type { ComputeActivities, StepReference } from '@plumbline/contracts';
import { DatabaseError, SupersededError } from '@plumbline/database';
import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { ComputeError } from './compute-process.js';
import { runComputeStep, type ComputeDependencies } from './run-compute-step.js';

/** The compute activities: each is one attempt at its step, told to Temporal in Temporal's terms. */
export function createComputeActivities(dependencies: ComputeDependencies): ComputeActivities {
  const attempt = async ({ stepId }: StepReference) => {
    const context = Context.current();
    try {
      return await runComputeStep(dependencies, stepId, {
        heartbeat: (details) => context.heartbeat(details),
        cancelled: context.cancellationSignal,
      });
    } catch (error) {
      throw inTemporalTerms(error);
    }
  };
  return { pretrain: attempt, sample: attempt, trainReward: attempt, optimise: attempt, evaluate: attempt };
}

/** Decides which errors are tried again; docs/decisions/0004 has the reasons. */
function inTemporalTerms(error: unknown): unknown {
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
