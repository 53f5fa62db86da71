import type { PipelineActivities } from '@plumbline/contracts';
import {
  beginStep,
  completeStep,
  getRun,
  markStep,
  setPauseRequested,
  setRunStatus,
} from '@plumbline/database';
import { describeArtifact } from './describe-artifact.js';
import { PIPELINE_ACTOR as actor, type PipelineDependencies } from './dependencies.js';

type RunRecords = Pick<
  PipelineActivities,
  'beginStep' | 'completeStep' | 'markStep' | 'markRun' | 'requestPause' | 'pauseRequested'
>;

/** How runs and steps stand, in Postgres. Every one of these may be repeated. */
export function createRunRecords({ database, artifacts }: PipelineDependencies): RunRecords {
  return {
    beginStep: ({ runId, step, inputs }) => beginStep(database, { runId, step, inputs, actor }),

    completeStep: async ({ stepId, outputs }) => {
      const described = await Promise.all(
        Object.entries(outputs).map(
          async ([name, id]) => [name, await describeArtifact(artifacts, id)] as const,
        ),
      );
      await completeStep(database, { stepId, outputs: Object.fromEntries(described), actor });
    },

    markStep: async ({ runId, stepId, status, reason }) => {
      await markStep(database, { stepId, status, ...(reason === undefined ? {} : { reason }), actor });
      if (status === 'paused') await setRunStatus(database, { runId, status, actor });
    },

    markRun: async ({ runId, status, reason }) => {
      await setRunStatus(database, { runId, status, ...(reason === undefined ? {} : { reason }), actor });
    },

    requestPause: async ({ runId, paused }) => {
      await setPauseRequested(database, { runId, paused });
      // Who resumes a run should not read afterwards that it is paused; the step itself follows in a moment.
      if (!paused && (await getRun(database, runId)).status === 'paused') {
        await setRunStatus(database, { runId, status: 'running', actor });
      }
    },

    pauseRequested: async ({ runId }) => (await getRun(database, runId)).pauseRequested,
  };
}
