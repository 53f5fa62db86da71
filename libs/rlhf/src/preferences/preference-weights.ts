/** What each judgement counts for in the reward model's loss, and by how much it wants the better response to win. */
import type { RewardConfiguration } from '@plumbline/contracts';
import type { LabeledComparison, LabeledJudgement } from './preference-data.js';
import type { PreferencePair } from './preference-loss.js';

/** A pair as the loss takes it. */
export interface WeightedPair extends PreferencePair {
  /** What is taken off the gap by which the better response wins, in units of reward; 0 for a tie. */
  readonly margin: number;
}

/** A comparison as the loss takes it: its pairs, judgement by judgement. */
export interface WeightedComparison extends Pick<LabeledComparison, 'key' | 'responses'> {
  readonly judgements: readonly (readonly WeightedPair[])[];
}

type Settings = Pick<RewardConfiguration, 'margin' | 'confidenceWeights' | 'labelerWeights'>;

/** Mean of the four degrees of being sure, 1 … 4: weights by confidence average 1 where all are as frequent. */
const MEAN_STRENGTH = 2.5;

/**
 * Margins and weights of judgements, each an option:
 *
 * - `margin`, by strength s = |confidence − 5|: s = 4, 3, 2, 1 are Llama 2's "significantly better", "better",
 *   "slightly better" and "negligibly better", whose margins are 1, ⅔, ⅓, 0 (`small`) or 3, 2, 1, 0 (`large`; Touvron
 *   et al. 2023, appendix). `recorded`: as the snapshot has it (TRL's `margin` column). Without a word: 0.
 * - `confidenceWeights`: a ranked judgement weighs s/2.5 (the scaled Bradley-Terry loss of Wang et al. 2024,
 *   HelpSteer2-Preference, which multiplies by how much better the response is). Ties, and judgements by labelers who
 *   were not asked, weigh 1.
 * - `labelerWeights`: N/(L·n) for a labeler with n of the N judgements of L labelers (`equal`), or as given.
 *
 * What comes to weigh nothing is left out.
 * @throws Error naming the option that the snapshot holds nothing for, or the labeler who made none of the judgements
 */
export function weightedComparisons(
  comparisons: readonly LabeledComparison[],
  settings: Settings,
): WeightedComparison[] {
  const all = comparisons.flatMap(({ judgements }) => judgements);
  checkPresence(all, settings);
  const byLabeler = labelerWeights(all, settings);
  return comparisons.flatMap(({ key, responses, judgements }) => {
    const weighted = judgements.flatMap((judgement) => {
      const weight = byLabeler(judgement) * confidenceWeight(judgement, settings);
      if (weight === 0) return [];
      const margin = marginOf(judgement, settings);
      return [
        judgement.pairs.map((pair) => ({
          ...pair,
          weight: pair.weight * weight,
          margin: pair.target === 0.5 ? 0 : margin,
        })),
      ];
    });
    return weighted.length === 0 ? [] : [{ key, responses, judgements: weighted }];
  });
}

/** An option that changes nothing is a mistake: refused. */
function checkPresence(all: readonly LabeledJudgement[], { margin, confidenceWeights }: Settings): void {
  if (all.length === 0) return;
  const isSure = all.some(({ strength }) => strength !== null);
  const needs = (option: string, what: string): never => {
    throw new Error(`reward.${option}: no judgement of inputs.preferences has a ${what}`);
  };
  if (margin === 'recorded' && all.every((judgement) => judgement.margin === null)) needs('margin', 'margin');
  if ((margin === 'small' || margin === 'large') && !isSure) needs('margin', 'confidence');
  if (confidenceWeights === true && !isSure) needs('confidenceWeights', 'confidence');
}

function marginOf({ strength, margin }: LabeledJudgement, settings: Settings): number {
  const degree = Math.max(0, (strength ?? 0) - 1);
  switch (settings.margin) {
    case undefined:
      return 0;
    case 'small':
      return degree / 3;
    case 'large':
      return degree;
    case 'recorded':
      return margin ?? 0;
  }
}

function confidenceWeight({ strength, pairs }: LabeledJudgement, { confidenceWeights }: Settings): number {
  const isTie = pairs.every(({ target }) => target === 0.5);
  return confidenceWeights !== true || strength === null || isTie ? 1 : strength / MEAN_STRENGTH;
}

function labelerWeights(
  all: readonly LabeledJudgement[],
  { labelerWeights: given }: Settings,
): (judgement: LabeledJudgement) => number {
  if (given === undefined) return () => 1;
  const counts = new Map<string, number>();
  for (const { labeler } of all) {
    if (labeler === null) {
      throw new Error(
        'reward.labelerWeights: inputs.preferences has judgements without a labeler; ' +
          'collect.recordLabelers makes a snapshot that names them',
      );
    }
    counts.set(labeler, (counts.get(labeler) ?? 0) + 1);
  }
  if (given === 'equal') {
    return ({ labeler }) => all.length / (counts.size * counts.get(labeler!)!);
  }
  for (const labeler of Object.keys(given)) {
    if (!counts.has(labeler)) {
      throw new Error(
        `reward.labelerWeights.${labeler}: no training judgement of inputs.preferences is by this labeler`,
      );
    }
  }
  return ({ labeler }) => given[labeler!] ?? 1;
}
