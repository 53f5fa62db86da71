import type { Estimate, EvaluationResult } from '@plumbline/contracts';
import {
  aggregated,
  longestSequence,
  pairIndices,
  pairwiseAgreements,
  type LabeledComparisons,
  type RewardModel,
  type Sequence,
} from '@plumbline/rlhf';
import { byPrompt } from './by-prompt.js';
import { calibrationCurve } from './calibration-curve.js';
import { estimateMean } from './estimates.js';
import { goldReward, noiseCeiling } from './gold/index.js';

export interface QualityRequest {
  readonly data: LabeledComparisons;
  readonly reward: Pick<RewardModel, 'aggregation' | 'deviations'>;
  /** Scores [member][sequence] of sequences of at most `longest` positions. */
  readonly scoreByMember: (sequences: readonly Sequence[], longest: number) => Promise<Float32Array[]>;
  /** Of the simulated labelers. */
  readonly noise: number;
  readonly seed: number;
}

/** How many sequences `rewardModelQuality` has scored. */
export function qualitySequences({ comparisons }: LabeledComparisons): number {
  return heldOutOf(comparisons).flatMap(({ responses }) => responses).length;
}

/** Two responses of a held-out comparison. */
interface Pair {
  readonly comparison: string;
  /** By how much the first scores higher. */
  readonly gap: number;
  /** Predicted probability that the first is preferred. */
  readonly probability: number;
}

/** What a judgement said of the pair: 1, 0, or ½ for a tie. */
type JudgedPair = Pair & { readonly target: number };

/**
 * How well the reward model ranks the held-out comparisons, by all pairs of their responses: against the judgements
 * (ties left out, bootstrap by prompt), against the gold reward (equal ones left out), and what a predictor that knows
 * the gold reward would reach against such judgements; how its predicted probabilities compare with the judgements; and
 * its accuracy where labelers agreed with one another and where they did not.
 *
 * The probability is σ of the score gap before normalisation, which is what was trained; of an ensemble, the mean of
 * its members' probabilities.
 */
export async function rewardModelQuality(request: QualityRequest): Promise<EvaluationResult['rewardModel']> {
  const { data, reward, scoreByMember, noise, seed } = request;
  const comparisons = heldOutOf(data.comparisons);
  const sequences = comparisons.flatMap(({ promptTokens, responses }) =>
    responses.map(({ tokens }) => ({ promptTokens, responseTokens: tokens })),
  );
  const members = await scoreByMember(sequences, longestSequence(sequences));
  const scores = aggregated(members, reward.aggregation);
  const offsets = new Map<string, number>();
  let next = 0;
  for (const { key, responses } of comparisons) {
    offsets.set(key, next);
    next += responses.length;
  }
  const pairOf = (comparison: string, first: number, second: number): Pair => {
    const [a, b] = [first, second].map((response) => offsets.get(comparison)! + response) as [number, number];
    const probabilities = members.map(
      (member, m) => 1 / (1 + Math.exp((member[b]! - member[a]!) * reward.deviations[m]!)),
    );
    return {
      comparison,
      gap: scores[a]! - scores[b]!,
      probability: probabilities.reduce((sum, p) => sum + p, 0) / probabilities.length,
    };
  };

  const judged = data.heldOut.flatMap(({ key, judgements }) =>
    judgements.flatMap(({ pairs }) =>
      pairs.map(({ first, second, target }) => ({ ...pairOf(key, first, second), target })),
    ),
  );
  const gold = comparisons.flatMap(({ key, responses }) => {
    const rewards = responses.map(({ text }) => goldReward(text));
    return pairIndices(responses.length).map(([first, second]) => ({
      ...pairOf(key, first, second),
      target: (1 + Math.sign(rewards[first]! - rewards[second]!)) / 2,
      goldRewards: [rewards[first]!, rewards[second]!] as const,
    }));
  });
  return {
    accuracy: accuracy(judged, seed, 'reward-model accuracy'),
    noiseCeiling: noiseCeiling(gold, noise),
    accuracyAgainstGold: accuracy(gold, seed, 'accuracy against gold'),
    calibration: calibrationCurve(judged, seed),
    accuracyByAgreement: accuracyByAgreement(data, pairOf, seed),
  };
}

function heldOutOf<T extends { readonly split: 'train' | 'heldOut' }>(comparisons: readonly T[]): T[] {
  return comparisons.filter(({ split }) => split === 'heldOut');
}

/** Ties left out, bootstrap by prompt; null: nothing but ties. */
function accuracy(pairs: readonly JudgedPair[], seed: number, purpose: string): Estimate | null {
  const agreements = pairwiseAgreements(
    pairs,
    pairs.map(({ gap }) => gap),
  );
  return agreements.length === 0 ? null : estimateMean(byPrompt(agreements), { seed, purpose });
}

/**
 * Accuracy on pairs that several labelers judged: where all preferred the same response, and, against the majority,
 * where they did not (a call of tie is a vote for neither; even votes are left out). Null: no pair was judged twice.
 */
function accuracyByAgreement(
  data: LabeledComparisons,
  pairOf: (comparison: string, first: number, second: number) => Pair,
  seed: number,
): EvaluationResult['rewardModel']['accuracyByAgreement'] {
  const unanimous: JudgedPair[] = [];
  const split: JudgedPair[] = [];
  let several = 0;
  for (const { key, judgements } of data.heldOut) {
    if (judgements.length < 2) continue;
    judgements[0]!.pairs.forEach(({ first, second }, place) => {
      several += 1;
      const votes = judgements.map(({ pairs }) => Math.sign(pairs[place]!.target - 0.5));
      const balance = votes.reduce((sum, vote) => sum + vote, 0);
      const isUnanimous = Math.abs(balance) === votes.length;
      const target = (1 + Math.sign(balance)) / 2;
      (isUnanimous ? unanimous : split).push({ ...pairOf(key, first, second), target });
    });
  }
  if (several === 0) return null;
  return {
    unanimous: accuracy(unanimous, seed, 'accuracy where labelers agree'),
    split: accuracy(split, seed, 'accuracy where labelers disagree'),
  };
}
