import { sha256 } from '@plumbline/artifacts';

export interface SimulatedJudgementInput {
  readonly seed: number;
  readonly comparisonKey: string;
  /** Overlap slot of the comparison: each draws its own noise. */
  readonly ordinal: number;
  /** Of each response, in an order that does not depend on how they are displayed. */
  readonly goldRewards: readonly number[];
  /** Gold-reward difference at which the better response is preferred with odds e : 1; 0 = no noise. */
  readonly noise: number;
}

export interface SimulatedJudgement {
  readonly outcome: 'ranked' | 'tie';
  /** Rank of each response in the order of `goldRewards`, 1 = best, without gaps; empty when tied. */
  readonly ranks: readonly number[];
}

/** P(first preferred) = σ((goldFirst − goldSecond)/noise): Bradley and Terry's model. */
export function preferenceProbability(goldFirst: number, goldSecond: number, noise: number): number {
  if (goldFirst === goldSecond) return 0.5;
  return 1 / (1 + Math.exp((goldSecond - goldFirst) / noise));
}

/**
 * What a simulated labeler answers: a pure function of its arguments, whoever asks and whenever.
 *
 * Ranks by gold/noise plus Gumbel noise, so that every pair of the ranking follows Bradley and Terry's model and the
 * whole ranking Plackett's. Responses with the same gold reward share a rank, and are a tie where all have the same: a
 * labeler who sees no difference says so instead of tossing a coin.
 * @throws RangeError for fewer than two responses, a gold reward that is not finite, or negative noise
 */
export function simulatedJudgement(input: SimulatedJudgementInput): SimulatedJudgement {
  const { goldRewards, noise } = input;
  if (goldRewards.length < 2) throw new RangeError(`a comparison of ${goldRewards.length} responses`);
  if (!goldRewards.every(Number.isFinite)) throw new RangeError(`gold rewards ${goldRewards.join(', ')}`);
  if (!(noise >= 0)) throw new RangeError(`noise ${noise} is negative`);
  if (goldRewards.every((reward) => reward === goldRewards[0])) return { outcome: 'tie', ranks: [] };
  const utilities = goldRewards.map((reward) => reward + noise * gumbel(input, goldRewards.indexOf(reward)));
  const distinct = [...new Set(utilities)].sort((a, b) => b - a);
  return { outcome: 'ranked', ranks: utilities.map((utility) => 1 + distinct.indexOf(utility)) };
}

/** Standard Gumbel noise of one response in one judgement. */
function gumbel({ seed, comparisonKey, ordinal }: SimulatedJudgementInput, response: number): number {
  const digest = sha256(`simulated judgement/${seed}/${comparisonKey}/${ordinal}/${response}`);
  const uniform = (Number.parseInt(digest.slice(0, 13), 16) + 0.5) / 2 ** 52; // 52 bits, in (0, 1)
  return -Math.log(-Math.log(uniform));
}
