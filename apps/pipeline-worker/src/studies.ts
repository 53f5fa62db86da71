import type { ArtifactStore } from '@plumbline/artifacts';
import { configurationHash, memberConfiguration } from '@plumbline/config';
import {
  ALGORITHM_INPUTS,
  type EvaluationResult,
  type PipelineActivities,
  type StudyMember,
} from '@plumbline/contracts';
import { createStudyRun, getRun, listSteps, listStudyRuns, type Run } from '@plumbline/database';
import { buildStudyReport, type StudiedRun } from '@plumbline/report';
import type { DataSource } from 'typeorm';
import type { PipelineDependencies } from './dependencies.js';
import { reportedRun } from './gather-report.js';
import { storeReport } from './report.js';

/** The runs that a study starts, and the report that lays them side by side. */
export function createStudies(
  dependencies: PipelineDependencies,
): Pick<PipelineActivities, 'beginStudyRun' | 'buildStudyReport'> {
  const { database, artifacts } = dependencies;
  return {
    beginStudyRun: async ({ runId: studyId, member, inputs }) => {
      const study = await getRun(database, studyId);
      const configuration = memberConfiguration(study.configuration, member);
      const pretrains = member.labels === undefined;
      const { runId, workflowId } = await createStudyRun(database, {
        studyId,
        member: memberKey(member),
        configuration,
        configurationHash: configurationHash(configuration),
        inputs,
        ...(!pretrains && { fromStep: 'reward' }),
      });
      const optimiserInputs = ALGORITHM_INPUTS[configuration.optimise.algorithm];
      return {
        workflowId,
        input: {
          runId,
          inputs,
          ...(pretrains ? { step: 'pretrain' } : { fromStep: 'reward' }),
          ...(optimiserInputs.length > 0 && { optimiserInputs }),
        },
      };
    },

    buildStudyReport: async ({ runId }) => {
      const { configuration } = await getRun(database, runId);
      const { rewardModels, labels } = configuration.study!;
      const members = new Map((await listStudyRuns(database, runId)).map((run) => [run.studyMember, run]));
      const runs: StudiedRun[] = [];
      for (const [size, rewardModel] of rewardModels.entries()) {
        for (const count of labels) {
          const key = memberKey({ size, labels: count });
          const member = members.get(key);
          if (member === undefined) throw new Error(`study ${runId} has not started its run "${key}"`);
          const measured = await measuredBy(database, artifacts, member);
          runs.push({ runId: member.id, rewardModel, labels: count, ...measured });
        }
      }
      const report = buildStudyReport({ run: await reportedRun(database, runId), configuration, runs });
      return storeReport(dependencies, runId, report);
    },
  };
}

/** Names a run within its study. */
function memberKey({ size, labels }: StudyMember): string {
  return labels === undefined ? `size ${size}, pretrained` : `size ${size}, ${labels} labels`;
}

/** What the run's evaluation says. */
async function measuredBy(
  database: DataSource,
  artifacts: ArtifactStore,
  member: Run,
): Promise<Omit<StudiedRun, 'runId' | 'rewardModel' | 'labels'>> {
  const evaluate = (await listSteps(database, member.id)).find(({ name }) => name === 'evaluate');
  const id = evaluate?.outputs['evaluation'];
  if (id === undefined) throw new Error(`run ${member.id} has no evaluation`);
  const { frontier, rewardModel } = await artifacts.getJson<EvaluationResult>(id);
  if (frontier === undefined) throw new Error(`evaluation ${id} of run ${member.id} has no frontier`);
  return {
    rewardModelAccuracy: rewardModel.accuracy,
    rewardModelAccuracyAgainstGold: rewardModel.accuracyAgainstGold,
    frontier,
  };
}
