import type { ArtifactStore } from '@plumbline/artifacts';
import type { ComparisonSet, PreferenceSnapshot, SampledComparison } from '@plumbline/contracts';
import { preferencePairs } from './preference-loss.js';
import type { Sequence } from './sequences.js';

/** Two responses to one prompt and how they were judged. */
export interface JudgedPair {
  /** Key of the comparison, hence of the prompt. */
  readonly comparison: string;
  readonly first: Sequence;
  readonly second: Sequence;
  /** Probability that the first is to be preferred: 1, 0, ½ for a tie. */
  readonly target: number;
  readonly weight: number;
}

export interface PreferenceData {
  readonly train: readonly JudgedPair[];
  readonly heldOut: readonly JudgedPair[];
  readonly comparisons: readonly SampledComparison[];
}

/**
 * Joins a preference snapshot with the comparisons it judges, in order of (comparison key, ordinal) whatever order the
 * snapshot is in.
 * @throws Error naming an artifact of the wrong kind, a snapshot of other comparisons or a comparison that is not there
 */
export async function readPreferenceData(
  artifacts: ArtifactStore,
  ids: { readonly comparisons: string; readonly preferences: string },
): Promise<PreferenceData> {
  const [set, snapshot] = await Promise.all([
    artifacts.getJson<Partial<ComparisonSet>>(ids.comparisons),
    artifacts.getJson<Partial<PreferenceSnapshot>>(ids.preferences),
  ]);
  if (set.kind !== 'comparison-set' || !set.comparisons) {
    throw new Error(`inputs.comparisons: artifact ${ids.comparisons} is not a comparison set`);
  }
  if (snapshot.kind !== 'preference-snapshot' || !snapshot.preferences) {
    throw new Error(`inputs.preferences: artifact ${ids.preferences} is not a preference snapshot`);
  }
  if (snapshot.comparisons !== ids.comparisons) {
    throw new Error(
      `inputs.preferences: snapshot ${ids.preferences} judges comparison set ${snapshot.comparisons}, not ${ids.comparisons}`,
    );
  }
  const byKey = new Map(set.comparisons.map((comparison) => [comparison.key, comparison]));
  const sorted = [...snapshot.preferences].sort((a, b) =>
    a.comparison === b.comparison ? a.ordinal - b.ordinal : a.comparison < b.comparison ? -1 : 1,
  );
  const train: JudgedPair[] = [];
  const heldOut: JudgedPair[] = [];
  for (const preference of sorted) {
    const comparison = byKey.get(preference.comparison);
    if (!comparison) {
      throw new Error(
        `inputs.preferences: comparison ${preference.comparison} is not in set ${ids.comparisons}`,
      );
    }
    const sequences = comparison.responses.map(({ tokens }) => ({
      promptTokens: comparison.promptTokens,
      responseTokens: tokens,
    }));
    for (const pair of preferencePairs(preference, sequences.length)) {
      (comparison.split === 'train' ? train : heldOut).push({
        comparison: comparison.key,
        first: sequences[pair.first]!,
        second: sequences[pair.second]!,
        target: pair.target,
        weight: pair.weight,
      });
    }
  }
  return { train, heldOut, comparisons: set.comparisons };
}

/** The responses of the training comparisons, as sequences. */
export function trainingResponses(comparisons: readonly SampledComparison[]): Sequence[] {
  return comparisons
    .filter(({ split }) => split === 'train')
    .flatMap(({ promptTokens, responses }) =>
      responses.map(({ tokens }) => ({ promptTokens, responseTokens: tokens })),
    );
}
