import type { PipelineActivities } from '@plumbline/contracts';
import { DatabaseError } from '@plumbline/database';
import { ApiRefusal } from '@plumbline/simulated-labelers';
import { ApplicationFailure } from '@temporalio/common';
import { createCollection } from './collection.js';
import type { PipelineDependencies } from './dependencies.js';
import { createReporting } from './report.js';
import { createRunRecords } from './run-records.js';
import { createSimulation } from './simulate-labelers.js';
import { createStudies } from './studies.js';

/** All light activities. What the record or the API refuses would be refused again: that is not tried again. */
export function createPipelineActivities(dependencies: PipelineDependencies): PipelineActivities {
  const activities: PipelineActivities = {
    ...createRunRecords(dependencies),
    ...createCollection(dependencies),
    ...createReporting(dependencies),
    ...createSimulation(dependencies),
    ...createStudies(dependencies),
  };
  const entries = Object.entries(activities) as [string, (input: never) => Promise<unknown>][];
  return Object.fromEntries(
    entries.map(([name, activity]) => [name, refusalsAreFinal(activity)]),
  ) as unknown as PipelineActivities;
}

function refusalsAreFinal<Input, Output>(activity: (input: Input) => Promise<Output>) {
  return async (input: Input): Promise<Output> => {
    try {
      return await activity(input);
    } catch (error) {
      if (error instanceof DatabaseError || error instanceof ApiRefusal) {
        throw ApplicationFailure.nonRetryable(error.message, error.name);
      }
      throw error;
    }
  };
}
