import type { PreferenceRecord } from '@plumbline/contracts';

/** log(1 + eˣ), without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/**
 * Bradley-Terry loss of one pair, in nats: cross-entropy of σ(rewardGap) against `target`. A margin m is taken off the
 * gap by which the better response wins, −log σ(r_better − r_worse − m) (Touvron et al. 2023, eq. 2).
 * @param rewardGap reward of the first response minus reward of the second
 * @param target probability that the first is preferred: 1, 0, or ½ for a tie
 * @param margin in units of reward, from 0; 0 for a tie, which has no better response
 */
export function bradleyTerryLoss(rewardGap: number, target = 1, margin = 0): number {
  return target * softplus(margin - rewardGap) + (1 - target) * softplus(margin + rewardGap);
}

/** Two responses of a comparison, by index, and the probability with which the first is to be preferred. */
export interface PreferencePair {
  readonly first: number;
  readonly second: number;
  readonly target: number;
  /** 1 / pairs of the judgement: a K-way judgement weighs as much as a pairwise one. */
  readonly weight: number;
}

/**
 * What a judgement teaches, as pairs.
 *
 * - `ranked`: every pair of the K responses; equal ranks within it are ties.
 * - `tie`: every pair with target ½.
 * - `both_bad`: none. The labeler says that both fail, which the Bradley-Terry model, having no absolute scale, cannot
 *   express; calling it a tie would claim that they are equally good.
 * @throws RangeError if a ranked judgement does not rank every response
 */
export function preferencePairs(
  judgement: Pick<PreferenceRecord, 'outcome' | 'ranks'>,
  responses: number,
): PreferencePair[] {
  const { outcome, ranks } = judgement;
  if (outcome === 'both_bad') return [];
  if (outcome === 'ranked' && ranks.length !== responses) {
    throw new RangeError(`a ranked judgement with ${ranks.length} ranks for ${responses} responses`);
  }
  const weight = 2 / (responses * (responses - 1));
  const pairs: PreferencePair[] = [];
  for (let first = 0; first < responses; first++) {
    for (let second = first + 1; second < responses; second++) {
      const order = outcome === 'tie' ? 0 : Math.sign(ranks[second]! - ranks[first]!);
      pairs.push({ first, second, target: (order + 1) / 2, weight });
    }
  }
  return pairs;
}

/** Loss of a judgement, in nats: mean over all pairs of its responses (0 where it teaches none). */
export function judgementLoss(
  rewards: ArrayLike<number>,
  judgement: Pick<PreferenceRecord, 'outcome' | 'ranks'>,
): number {
  return preferencePairs(judgement, rewards.length).reduce(
    (sum, { first, second, target, weight }) =>
      sum + weight * bradleyTerryLoss(rewards[first]! - rewards[second]!, target),
    0,
  );
}
