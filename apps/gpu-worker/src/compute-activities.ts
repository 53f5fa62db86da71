import type { ComputeActivities, StepReference } from '@plumbline/contracts';
import { Context } from '@temporalio/activity';
import type { HeldTasks } from './held-tasks.js';
import { runComputeStep, type ComputeDependencies } from './run-compute-step.js';
import { inTemporalTerms } from './temporal-terms.js';

/** The compute activities: each is one attempt at its step, told to Temporal in Temporal's terms. */
export function createComputeActivities(
  dependencies: ComputeDependencies,
  held: HeldTasks,
): ComputeActivities {
  const attempt = async ({ stepId }: StepReference) => {
    const context = Context.current();
    try {
      return await held.during(context.info.taskToken, () =>
        runComputeStep(dependencies, stepId, {
          heartbeat: (details) => context.heartbeat(details),
          cancelled: context.cancellationSignal,
        }),
      );
    } catch (error) {
      throw inTemporalTerms(error);
    }
  };
  return {
    pretrain: attempt,
    fineTune: attempt,
    sample: attempt,
    trainReward: attempt,
    optimise: attempt,
    evaluate: attempt,
  };
}
