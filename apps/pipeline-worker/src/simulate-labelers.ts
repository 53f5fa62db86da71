import type { PipelineActivities } from '@plumbline/contracts';
import { getStepWork } from '@plumbline/database';
import { provideSimulatedLabelers, runSimulatedLabelers } from '@plumbline/simulated-labelers';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { PipelineDependencies } from './dependencies.js';

/** Simulated labelers, as the run's configuration asks for them. They work through the public API like anyone. */
export function createSimulation({
  database,
  api,
}: PipelineDependencies): Pick<PipelineActivities, 'simulateLabelers'> {
  return {
    simulateLabelers: async ({ runId, stepId }) => {
      if (api === null) {
        throw ApplicationFailure.nonRetryable(
          'simulated labelers need PLUMBLINE_API_URL and PLUMBLINE_TOKEN in the environment of pipeline-worker',
          'NoApi',
        );
      }
      const context = Context.current();
      const { configuration } = await getStepWork(database, stepId);
      const { simulatedLabelers = 0, simulatedNoise } = configuration.collect;
      const labelers = await provideSimulatedLabelers({
        ...api,
        runId,
        count: simulatedLabelers,
        signal: context.cancellationSignal,
      });
      await runSimulatedLabelers({
        url: api.url,
        runId,
        labelers,
        noise: simulatedNoise,
        onProgress: (progress) => context.heartbeat(progress),
        signal: context.cancellationSignal,
      });
    },
  };
}
