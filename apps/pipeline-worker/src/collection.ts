import type { ComparisonSet, PipelineActivities, PreferenceSnapshot } from '@plumbline/contracts';
import {
  collectionProgress,
  freezePreferences,
  getStepWork,
  publishComparisons,
  type StepWork,
} from '@plumbline/database';
import { ApplicationFailure } from '@temporalio/common';
import { describeArtifact } from './describe-artifact.js';
import { PIPELINE_ACTOR as actor, type PipelineDependencies } from './dependencies.js';

type Collection = Pick<PipelineActivities, 'publishComparisons' | 'collectionProgress' | 'freezePreferences'>;

/** From a comparison set to a preference snapshot, with labelers in between. */
export function createCollection({ database, artifacts }: PipelineDependencies): Collection {
  return {
    publishComparisons: async ({ stepId }) => {
      const work = await getStepWork(database, stepId);
      const { collect, seed } = work.configuration;
      const simulatedLabelers = collect.simulatedLabelers ?? 0;
      const artifactId = requiredInput(work, 'comparisons');
      const set = await artifacts.getJson<ComparisonSet>(artifactId);
      if (simulatedLabelers === 0) refuseRankings(set, artifactId);
      const progress = await publishComparisons(database, {
        stepId,
        set,
        artifactId,
        judgementsPerComparison: collect.judgementsPerComparison,
        guideline: collect.guideline,
        seed,
        audience: simulatedLabelers > 0 ? 'simulated' : 'people',
        actor,
      });
      return { ...progress, simulatedLabelers };
    },

    collectionProgress: ({ stepId }) => collectionProgress(database, stepId),

    freezePreferences: async ({ stepId }) => {
      const { configuration } = await getStepWork(database, stepId);
      const frozen = await freezePreferences(database, {
        stepId,
        actor,
        recordLabelers: configuration.collect.recordLabelers === true,
        write: async (content) => {
          const snapshot: PreferenceSnapshot = {
            kind: 'preference-snapshot',
            comparisons: content.comparisons,
            preferences: [...content.preferences],
          };
          return describeArtifact(artifacts, await artifacts.putJson(snapshot));
        },
      });
      return { preferences: frozen.artifactId };
    },
  };
}

/** @throws ApplicationFailure, not to be tried again, naming the input */
function requiredInput({ stepId, inputs }: StepWork, name: keyof StepWork['inputs']): string {
  const id = inputs[name];
  if (id === undefined)
    throw ApplicationFailure.nonRetryable(`step ${stepId} has no input ${name}`, 'MissingInput');
  return id;
}

/** @throws ApplicationFailure, not to be tried again: the labeling page shows two responses */
function refuseRankings({ comparisons }: ComparisonSet, artifactId: string): void {
  const wide = comparisons.find(({ responses }) => responses.length > 2);
  if (wide === undefined) return;
  throw ApplicationFailure.nonRetryable(
    `inputs.comparisons: set ${artifactId} has comparisons of ${wide.responses.length} responses, ` +
      'which need collect.simulatedLabelers: people compare two at a time',
    'UnsupportedComparisons',
  );
}
