import type { ArtifactStore } from '@plumbline/artifacts';
import type {
  ComparisonSet,
  PreferenceRecord,
  PreferenceSnapshot,
  SampledComparison,
} from '@plumbline/contracts';
import { comparisonsFor } from '@plumbline/data';
import type { ModelCheckpoint } from '@plumbline/training';
import { preferencePairs, type PreferencePair } from './preference-loss.js';
import type { Sequence } from '../sequences.js';

/** A judgement that teaches something, and what is known about how it was made. */
export interface LabeledJudgement {
  /** Overlap slot of the comparison, 0-based. */
  readonly ordinal: number;
  /** Every pair of the comparison's responses, by index; weights add up to 1. */
  readonly pairs: readonly PreferencePair[];
  /** How sure the labeler was: |confidence − 5|, 0 … 4; null: not asked. */
  readonly strength: number | null;
  /** As `PreferenceRecord.margin`; null: not recorded. */
  readonly margin: number | null;
  /** Pseudonym; null: not recorded. */
  readonly labeler: string | null;
}

/** The responses to one prompt, K ≥ 2, and what was said about them. */
export interface LabeledComparison {
  /** Key of the comparison, hence of the prompt. */
  readonly key: string;
  readonly responses: readonly Sequence[];
  /** By ordinal; at least one. */
  readonly judgements: readonly LabeledJudgement[];
}

export interface LabeledComparisons {
  /** By key. */
  readonly train: readonly LabeledComparison[];
  readonly heldOut: readonly LabeledComparison[];
  /** All of the set, judged or not. */
  readonly comparisons: readonly SampledComparison[];
}

/** Two responses to one prompt and how they were judged. */
export interface JudgedPair {
  /** Key of the comparison, hence of the prompt. */
  readonly comparison: string;
  readonly first: Sequence;
  readonly second: Sequence;
  /** Probability that the first is to be preferred: 1, 0, ½ for a tie. */
  readonly target: number;
  /** 1 / pairs of the judgement. */
  readonly weight: number;
}

export interface PreferenceData {
  readonly train: readonly JudgedPair[];
  readonly heldOut: readonly JudgedPair[];
  readonly comparisons: readonly SampledComparison[];
}

/** The model that reads the texts; imported comparisons become its tokens. */
export type PreferenceReader = Pick<ModelCheckpoint, 'model' | 'tokenizer' | 'tokenizerId'>;

interface PreferenceIds {
  readonly comparisons: string;
  readonly preferences: string;
}

/**
 * Joins a preference snapshot with the comparisons it judges, in order of (comparison key, ordinal) whatever order the
 * snapshot is in. Judgements that teach nothing ("both bad") are left out, and comparisons without any other.
 * @throws Error naming an artifact of the wrong kind, a snapshot of other comparisons, a comparison that is not there
 *   or a judgement that contradicts itself, or imported comparisons that are too long for the model
 */
export async function readLabeledComparisons(
  artifacts: ArtifactStore,
  ids: PreferenceIds,
  reader: PreferenceReader,
): Promise<LabeledComparisons> {
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
  const comparisons = tokensOf(set as ComparisonSet, ids.comparisons, reader);
  const byKey = new Map(comparisons.map((comparison) => [comparison.key, comparison]));
  const sorted = [...snapshot.preferences].sort((a, b) =>
    a.comparison === b.comparison ? a.ordinal - b.ordinal : a.comparison < b.comparison ? -1 : 1,
  );
  const judgements = new Map<string, LabeledJudgement[]>();
  for (const preference of sorted) {
    const comparison = byKey.get(preference.comparison);
    if (!comparison) {
      throw new Error(
        `inputs.preferences: comparison ${preference.comparison} is not in set ${ids.comparisons}`,
      );
    }
    const judgement = labeledJudgement(preference, comparison.responses.length);
    if (judgement.pairs.length === 0) continue;
    const earlier = judgements.get(comparison.key);
    if (earlier) earlier.push(judgement);
    else judgements.set(comparison.key, [judgement]);
  }
  const train: LabeledComparison[] = [];
  const heldOut: LabeledComparison[] = [];
  for (const [key, list] of judgements) {
    const { split, promptTokens, responses } = byKey.get(key)!;
    (split === 'train' ? train : heldOut).push({
      key,
      responses: responses.map(({ tokens }) => ({ promptTokens, responseTokens: tokens })),
      judgements: list,
    });
  }
  return { train, heldOut, comparisons };
}

function tokensOf(
  set: ComparisonSet,
  id: string,
  { model, tokenizer, tokenizerId }: PreferenceReader,
): readonly SampledComparison[] {
  try {
    return comparisonsFor(set, { tokenizer, tokenizerId, context: model.context });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Error(`inputs.comparisons: in set ${id}, ${error.message}`, { cause: error });
  }
}

/** The same as pairs, one after the other; a K-way judgement is K(K − 1)/2 of them. @throws as above */
export async function readPreferenceData(
  artifacts: ArtifactStore,
  ids: PreferenceIds,
  reader: PreferenceReader,
): Promise<PreferenceData> {
  const { train, heldOut, comparisons } = await readLabeledComparisons(artifacts, ids, reader);
  return { train: judgedPairs(train), heldOut: judgedPairs(heldOut), comparisons };
}

/** Every pair that every judgement is about. */
export function judgedPairs(comparisons: readonly LabeledComparison[]): JudgedPair[] {
  return comparisons.flatMap(({ key, responses, judgements }) =>
    judgements.flatMap(({ pairs }) =>
      pairs.map(({ first, second, target, weight }) => ({
        comparison: key,
        first: responses[first]!,
        second: responses[second]!,
        target,
        weight,
      })),
    ),
  );
}

/** The responses of the training comparisons, as sequences. */
export function trainingResponses(comparisons: readonly SampledComparison[]): Sequence[] {
  return comparisons
    .filter(({ split }) => split === 'train')
    .flatMap(({ promptTokens, responses }) =>
      responses.map(({ tokens }) => ({ promptTokens, responseTokens: tokens })),
    );
}

const SCALE_MIDDLE = 5;
const SCALE_END = 9;

function labeledJudgement(preference: PreferenceRecord, responses: number): LabeledJudgement {
  const { comparison, ordinal, outcome, confidence, margin, labeler } = preference;
  const refuse = (message: string): never => {
    throw new Error(`inputs.preferences: judgement ${ordinal} of comparison ${comparison} ${message}`);
  };
  let pairs: PreferencePair[];
  try {
    pairs = preferencePairs(preference, responses);
  } catch (error) {
    return refuse(`is ${(error as Error).message}`);
  }
  if (confidence !== undefined) {
    if (responses !== 2) refuse(`has a confidence, which is for two responses; there are ${responses}`);
    if (!Number.isInteger(confidence) || confidence < 1 || confidence > SCALE_END) {
      refuse(`has confidence ${confidence}: it must be a whole number from 1 to ${SCALE_END}`);
    }
    const lean = Math.sign(SCALE_MIDDLE - confidence);
    const target = pairs[0]?.target;
    if (outcome !== 'both_bad' && lean !== 0 && target !== (lean + 1) / 2) {
      refuse(
        `contradicts itself: outcome ${outcome}, ranks ${preference.ranks.join(', ')}, confidence ${confidence}`,
      );
    }
  }
  if (margin !== undefined) {
    if (responses !== 2) refuse(`has a margin, which is for two responses; there are ${responses}`);
    if (!(margin >= 0) || margin === Infinity) refuse(`has margin ${margin}: it must be a number from 0`);
  }
  return {
    ordinal,
    pairs,
    strength: confidence === undefined ? null : Math.abs(confidence - SCALE_MIDDLE),
    margin: margin ?? null,
    labeler: labeler ?? null,
  };
}
