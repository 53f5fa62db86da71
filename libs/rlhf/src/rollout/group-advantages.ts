/** Advantages of responses against others to the same prompt; groups of `size` neighbours. */
import { moments } from './whitening.js';

/** Keeps the advantages of a group finite whose rewards are all but equal; TRL's. */
const EPSILON = 1e-4;

/** Groups of `size` neighbouring values. */
function groupsOf(values: ArrayLike<number>, size: number): number[][] {
  if (values.length % size !== 0) {
    throw new RangeError(`${values.length} values do not divide into groups of ${size}`);
  }
  const all = Array.from(values);
  return Array.from({ length: all.length / size }, (_, group) => all.slice(group * size, (group + 1) * size));
}

/**
 * Reward less the mean reward of the other responses to the same prompt (Ahmadian et al. 2024, arXiv:2402.14740; Kool et
 * al. 2019): a baseline that does not depend on the response itself.
 * @throws RangeError if the values do not divide into groups, or a group has nobody to compare with
 */
export function leaveOneOutAdvantages(rewards: ArrayLike<number>, size: number): Float64Array {
  if (size < 2) throw new RangeError('leave-one-out needs at least two responses a prompt');
  return Float64Array.from(
    groupsOf(rewards, size).flatMap((group) => {
      const sum = group.reduce((a, b) => a + b, 0);
      return group.map((reward) => reward - (sum - reward) / (size - 1));
    }),
  );
}

/**
 * Reward less the mean of its group, over a standard deviation (Shao et al. 2024, arXiv:2402.03300): the group's, that of
 * all rewards (`batch`), or none (Liu et al. 2025, arXiv:2503.20783: dividing favours prompts that are nearly solved or
 * nearly hopeless). Deviations are the sample's (n − 1), as TRL's and veRL's; a group of equal rewards has advantages 0.
 * @throws RangeError if the values do not divide into groups
 */
export function groupAdvantages(
  rewards: ArrayLike<number>,
  size: number,
  scale: 'group' | 'batch' | 'none',
): Float64Array {
  const ofBatch = sampleDeviation(rewards);
  return Float64Array.from(
    groupsOf(rewards, size).flatMap((group) => {
      const { mean } = moments(group);
      const deviation = scale === 'group' ? sampleDeviation(group) : ofBatch;
      const divisor = scale === 'none' ? 1 : deviation + EPSILON;
      return group.map((reward) => (reward - mean) / divisor);
    }),
  );
}

/** What there is to know of the spread within groups, under TRL's names. */
export function groupMetrics(rewards: ArrayLike<number>, size: number): Record<string, number> {
  const deviations = groupsOf(rewards, size).map(sampleDeviation);
  return {
    /** Mean over prompts. */
    reward_std: moments(deviations).mean,
    /** Share of prompts whose responses are all worth the same: they teach nothing. */
    frac_reward_zero_std: deviations.filter((deviation) => deviation < 1e-8).length / deviations.length,
  };
}

function sampleDeviation(values: ArrayLike<number>): number {
  const { length } = values;
  return Math.sqrt((moments(values).variance * length) / Math.max(1, length - 1));
}
