import type { Outcome } from '@plumbline/contracts';

/** What a labeler said about a comparison. */
export interface Verdict {
  readonly outcome: Exclude<Outcome, 'skipped'>;
  /** Response id to rank, 1 = best; present exactly when `ranked`. */
  readonly ranks?: Readonly<Record<string, number>>;
}

/** A judgement that does not fit its comparison; `path` names the field. */
export class JudgementError extends Error {
  override readonly name = 'JudgementError';
  constructor(
    readonly path: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Checks a verdict against the comparison's responses.
 *
 * Ranks are 1 … m without gaps; equal responses share one. All equal is a tie and has to be called so, since otherwise
 * one opinion would have two spellings.
 *
 * @param responseIds in the order of the comparison set
 * @returns ranks in that order, or an empty list unless `ranked`
 * @throws JudgementError naming the field at fault
 */
export function ranksInOrder(verdict: Verdict, responseIds: readonly string[]): number[] {
  const { outcome, ranks } = verdict;
  if (outcome !== 'ranked') {
    if (ranks !== undefined)
      throw new JudgementError('ranks', `must be absent when the outcome is ${outcome}`);
    return [];
  }
  if (ranks === undefined) throw new JudgementError('ranks', 'must be present when the outcome is ranked');
  for (const id of Object.keys(ranks)) {
    if (!responseIds.includes(id))
      throw new JudgementError(`ranks.${id}`, 'is not a response of this comparison');
  }
  const ordered = responseIds.map((id) => {
    const rank = ranks[id];
    if (rank === undefined) throw new JudgementError(`ranks.${id}`, 'is missing');
    if (!Number.isInteger(rank) || rank < 1 || rank > responseIds.length) {
      throw new JudgementError(`ranks.${id}`, `must be a whole number from 1 to ${responseIds.length}`);
    }
    return rank;
  });
  const distinct = [...new Set(ordered)].sort((a, b) => a - b);
  if (distinct.some((rank, index) => rank !== index + 1)) {
    throw new JudgementError('ranks', 'must count 1, 2, … without gaps');
  }
  if (distinct.length === 1) throw new JudgementError('ranks', 'are all equal: the outcome is tie');
  return ordered;
}
