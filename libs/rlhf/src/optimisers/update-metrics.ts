import type { UpdateMetrics } from '@plumbline/training';
import { moments } from '../rollout/whitening.js';

/** TRL's names of what losses measure; means over an iteration's updates. */
const MEANS: Readonly<Record<string, string>> = {
  approximateKl: 'policy/approxkl_avg',
  clipFraction: 'policy/clipfrac_avg',
  policyLoss: 'loss/policy_avg',
  valueLoss: 'loss/value_avg',
  valueClipFraction: 'val/clipfrac_avg',
  klLoss: 'loss/kl_avg',
  entropy: 'policy/entropy_avg',
  ratio: 'val/ratio',
  gradientNorm: 'gradientNorm',
};

/** Of an iteration's first update, before the policy has moved: ratio 1, nothing clipped. */
const FIRSTS: Readonly<Record<string, string>> = {
  ratio: 'val/first_ratio',
  approximateKl: 'policy/first_approxkl',
  clipFraction: 'policy/first_clipfrac',
  policyLoss: 'loss/first_policy',
};

/** An iteration's updates under the names that curves have; what a loss does not measure is left out. */
export function updateMetrics(updates: readonly UpdateMetrics[]): Record<string, number> {
  const first = updates[0]!;
  const named = (names: Readonly<Record<string, string>>, value: (name: string) => number) =>
    Object.entries(names)
      .filter(([name]) => name in first)
      .map(([name, curve]) => [curve, value(name)] as const);
  return Object.fromEntries([
    ...named(MEANS, (name) => moments(updates.map((update) => update[name]!)).mean),
    ...named(FIRSTS, (name) => first[name]!),
    ['val/ratio_var', sampleVariance(updates.map((update) => update['ratio']!))],
    ['updates', updates.length],
  ]);
}

/** 0 of a single value. */
function sampleVariance(values: readonly number[]): number {
  return (moments(values).variance * values.length) / Math.max(1, values.length - 1);
}
