import type { EvaluationResult } from '@plumbline/contracts';
import { longestSequence, pairwiseAgreements, type PreferenceData, type Sequence } from '@plumbline/rlhf';
import { estimateMean } from './estimates.js';
import { goldReward, noiseCeiling } from './gold/index.js';

export interface QualityRequest {
  readonly data: PreferenceData;
  /** Reward-model scores of sequences of at most `longest` positions. */
  readonly score: (sequences: readonly Sequence[], longest: number) => Promise<Float32Array>;
  /** Of the simulated labelers. */
  readonly noise: number;
  readonly seed: number;
}

/** How many sequences `rewardModelQuality` has scored. */
export function qualitySequences({ heldOut, comparisons }: PreferenceData): number {
  const responses = comparisons
    .filter(({ split }) => split === 'heldOut')
    .flatMap((comparison) => comparison.responses);
  return 2 * heldOut.length + responses.length;
}

/**
 * How well the reward model ranks the held-out comparisons: against the judgements (ties left out, bootstrap by
 * prompt), against the gold reward (equal ones left out), and what a predictor that knows the gold reward would reach
 * against such judgements.
 */
export async function rewardModelQuality(request: QualityRequest): Promise<EvaluationResult['rewardModel']> {
  const { data, score, noise, seed } = request;
  const comparisons = data.comparisons.filter(({ split }) => split === 'heldOut');
  const judged = data.heldOut.flatMap(({ first, second }) => [first, second]);
  const responses = comparisons.flatMap(({ promptTokens, responses: pair }) =>
    pair.map(({ tokens }) => ({ promptTokens, responseTokens: tokens })),
  );
  const scores = await score([...judged, ...responses], longestSequence([...judged, ...responses]));
  const judgedGaps = data.heldOut.map((_, pair) => scores[2 * pair]! - scores[2 * pair + 1]!);
  const agreements = pairwiseAgreements(data.heldOut, judgedGaps);

  let next = judged.length;
  const pairs = comparisons.map(({ key, responses: [first, second] }) => {
    const goldRewards = [goldReward(first!.text), goldReward(second!.text)] as const;
    const target = (1 + Math.sign(goldRewards[0] - goldRewards[1])) / 2;
    return { comparison: key, target, goldRewards, gap: scores[next++]! - scores[next++]! };
  });
  const goldAgreements = pairwiseAgreements(
    pairs,
    pairs.map(({ gap }) => gap),
  );
  return {
    accuracy:
      agreements.length === 0
        ? null
        : estimateMean(byPrompt(agreements), { seed, purpose: 'reward-model accuracy' }),
    noiseCeiling: noiseCeiling(pairs, noise),
    accuracyAgainstGold:
      goldAgreements.length === 0
        ? null
        : estimateMean(byPrompt(goldAgreements), { seed, purpose: 'accuracy against gold' }),
  };
}

/** A comparison has a prompt of its own: judgements of one comparison are judgements of one prompt. */
function byPrompt(agreements: readonly { comparison: string; agreement: number }[]): number[][] {
  const groups = new Map<string, number[]>();
  for (const { comparison, agreement } of agreements) {
    const group = groups.get(comparison);
    if (group) group.push(agreement);
    else groups.set(comparison, [agreement]);
  }
  return [...groups.values()];
}
