/** What is measured of a reward model while it trains, on judgements that it does not train on. */
import { bradleyTerryLoss } from '../preferences/preference-loss.js';
import type { LabeledComparison } from '../preferences/preference-data.js';
import type { Sequence } from '../sequences.js';

/** A held-out pair of responses, and by how much the first scores higher. */
interface ScoredPair {
  readonly comparison: string;
  readonly target: number;
  readonly weight: number;
  readonly gap: number;
}

/** The responses of comparisons, one after the other, as `scoredPairs` wants them scored. */
export function comparedResponses(comparisons: readonly LabeledComparison[]): Sequence[] {
  return comparisons.flatMap(({ responses }) => responses);
}

/** @param scores of `comparedResponses` */
export function scoredPairs(
  comparisons: readonly LabeledComparison[],
  scores: ArrayLike<number>,
): ScoredPair[] {
  let next = 0;
  return comparisons.flatMap(({ key, responses, judgements }) => {
    const start = next;
    next += responses.length;
    return judgements.flatMap(({ pairs }) =>
      pairs.map(({ first, second, target, weight }) => ({
        comparison: key,
        target,
        weight,
        gap: scores[start + first]! - scores[start + second]!,
      })),
    );
  });
}

/**
 * `heldOutLoss`: nats a judgement, the mean over its pairs, without margins and weights; `heldOutAccuracy`: share of
 * pairs that the scores order as judged, ties left out. Empty where nothing was judged.
 */
export function heldOutMetrics(pairs: readonly ScoredPair[]): Record<string, number> {
  if (pairs.length === 0) return {};
  const weight = pairs.reduce((sum, pair) => sum + pair.weight, 0);
  const loss = pairs.reduce((sum, pair) => sum + pair.weight * bradleyTerryLoss(pair.gap, pair.target), 0);
  const agreements = pairwiseAgreements(
    pairs,
    pairs.map(({ gap }) => gap),
  );
  return {
    heldOutLoss: loss / weight,
    ...(agreements.length > 0 && {
      heldOutAccuracy: agreements.reduce((sum, { agreement }) => sum + agreement, 0) / agreements.length,
    }),
  };
}

/**
 * 1 where the reward gap has the sign of the judgement, 0 where it has the other, ½ where there is no gap; judged ties
 * are left out, because no predictor can agree with them.
 */
export function pairwiseAgreements(
  pairs: readonly { readonly comparison: string; readonly target: number }[],
  gaps: ArrayLike<number>,
): { readonly comparison: string; readonly agreement: number }[] {
  return pairs.flatMap(({ comparison, target }, pair) =>
    target === 0.5
      ? []
      : [{ comparison, agreement: (1 + Math.sign(gaps[pair]!) * Math.sign(target - 0.5)) / 2 }],
  );
}
