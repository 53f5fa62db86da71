import type { OptimiseConfiguration, WarningKind } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { trainingWarnings, WATCHED_METRICS, type Curves } from './index.js';

const settings = {
  kl: { controller: 'adaptive', coefficient: 0.1, target: 6, horizon: 10_000 },
} as OptimiseConfiguration;

/** A curve of `points` values, at 1, 2, … or every `step`-th place. */
const curve = (points: number, value: (i: number) => number, step = 1): Curves[string] =>
  Array.from({ length: points }, (_, i) => [step * (i + 1), value(i)] as const);

/** Alternates, so that means have an error. */
const noise = (i: number, size: number): number => (i % 2 === 0 ? size : -size);

const healthy: Curves = {
  'objective/kl': curve(60, (i) => 6 * (1 - Math.exp(-i / 20)) + noise(i, 0.02)),
  'policy/entropy_avg': curve(60, (i) => 3 - i / 60),
  'completions/mean_length': curve(60, (i) => 24 + noise(i, 1)),
  'objective/scores': curve(60, (i) => i / 20 + noise(i, 0.1)),
  'objective/gold': curve(60, (i) => i / 100 + noise(i, 0.05)),
  'heldOut/scores': curve(6, (i) => i / 2, 10),
  'heldOut/scores_error': curve(6, () => 0.1, 10),
  'loss/value_avg': curve(60, (i) => 0.5 * Math.exp(-i / 20) + 0.05),
  'policy/clipfrac_avg': curve(60, () => 0.1),
  'val/engine_gap': curve(60, () => 1e-5),
};

/** The one warning that a change to healthy curves gives rise to. */
function only(changes: Curves): { kind: WarningKind; index: number; message: string } {
  const found = trainingWarnings({ ...healthy, ...changes }, settings);
  expect(found.map(({ kind, index }) => `${kind} at ${index}`)).toHaveLength(1);
  return found[0]!;
}

describe('warnings of policy optimisation', () => {
  it('are none while all is well, none of a curve that is not there, none of no curves', () => {
    expect(trainingWarnings(healthy, settings)).toEqual([]);
    expect(trainingWarnings({}, settings)).toEqual([]);
    expect(Object.keys(healthy).sort()).toEqual([...WATCHED_METRICS].sort());
  });

  it('a KL beyond four times the target, or one that multiplies', () => {
    const far = only({ 'objective/kl': curve(60, (i) => i / 2) });
    // 24.5 is the first value above 24.
    expect(far).toMatchObject({ kind: 'kl-explosion', index: 50 });
    expect(far.message).toBe('KL is 24.5 nats a response, over four times the target of 6');
    const sudden = only({ 'objective/kl': curve(60, (i) => (i < 30 ? 2 : 12)) });
    expect(sudden).toMatchObject({ kind: 'kl-explosion', index: 31 });
    // On its way to the target, however fast.
    const fast = { ...healthy, 'objective/kl': curve(60, (i) => (i < 30 ? 1 : 6)) };
    expect(trainingWarnings(fast, settings)).toEqual([]);
    const fixed = { ...settings, kl: { ...settings.kl, controller: 'fixed' } } as const;
    expect(trainingWarnings({ 'objective/kl': curve(60, (i) => i / 2) }, fixed)).toEqual([]);
  });

  it('a KL estimate that stays negative, but not one that is so by chance', () => {
    expect(only({ 'objective/kl': curve(60, (i) => (i < 40 ? 0.01 : -0.4)) })).toMatchObject({
      kind: 'negative-kl',
      index: 41,
    });
    const chance = { ...healthy, 'objective/kl': curve(60, (i) => 0.01 + noise(i, 0.03)) };
    expect(trainingWarnings(chance, settings)).toEqual([]);
  });

  it('an entropy that collapses', () => {
    const warning = only({ 'policy/entropy_avg': curve(60, (i) => 3 * Math.exp(-i / 20)) });
    expect(warning.kind).toBe('entropy-collapse');
    expect(warning.message).toContain('from 2.72');
  });

  it('responses that get much longer or shorter', () => {
    expect(only({ 'completions/mean_length': curve(60, (i) => 20 + i) }).kind).toBe('length-drift');
    expect(only({ 'completions/mean_length': curve(60, (i) => 24 - i / 4) }).kind).toBe('length-drift');
  });

  it('a gold reward that falls while the reward rises, and not one that falls with it', () => {
    const falling = curve(60, (i) => 0.5 - Math.abs(i - 20) / 60 + noise(i, 0.02));
    const warning = only({ 'objective/gold': falling });
    expect(warning.kind).toBe('gold-falls');
    expect(warning.index).toBeGreaterThan(22);
    expect(warning.index).toBeLessThan(32);
    expect(warning.message).toMatch(/^the gold reward fell from .* while the reward rose from/);
    const both = { 'objective/gold': falling, 'objective/scores': curve(60, (i) => -i) };
    expect(trainingWarnings({ ...healthy, ...both }, settings)).toEqual([]);
    const unsure = { 'objective/gold': curve(60, (i) => 0.5 - i / 600 + noise(i, 0.5)) };
    expect(trainingWarnings({ ...healthy, ...unsure }, settings)).toEqual([]);
  });

  it('a reward on held-out prompts that falls by more than its error while the reward rises', () => {
    const warning = only({ 'heldOut/scores': curve(6, (i) => [0, 1, 1.5, 1.4, 1.3, 1][i]!, 10) });
    expect(warning).toMatchObject({ kind: 'held-out-falls', index: 60 });
    const wide = {
      'heldOut/scores': curve(6, (i) => [0, 1, 1.5, 1.4, 1.3, 1][i]!, 10),
      'heldOut/scores_error': curve(6, () => 0.3, 10),
    };
    expect(trainingWarnings({ ...healthy, ...wide }, settings)).toEqual([]);
  });

  it('a value loss that diverges', () => {
    expect(only({ 'loss/value_avg': curve(60, (i) => (i < 30 ? 0.2 : 0.2 * 1.2 ** (i - 29))) }).kind).toBe(
      'value-loss-divergence',
    );
  });

  it('updates that are mostly clipped', () => {
    expect(only({ 'policy/clipfrac_avg': curve(60, (i) => i / 100) }).kind).toBe('clip-fraction');
  });

  it('an engine that samples from another policy than the trainer has', () => {
    expect(only({ 'val/engine_gap': curve(60, (i) => (i === 17 ? 0.3 : 1e-5)) })).toMatchObject({
      kind: 'engine-gap',
      index: 18,
    });
  });

  it('are said again after a while without them, and more points take none away', () => {
    const gaps = curve(60, (i) => (i === 10 || i === 12 || i === 40 ? 1 : 0));
    const all = trainingWarnings({ 'val/engine_gap': gaps }, settings);
    expect(all.map(({ index }) => index)).toEqual([11, 41]);
    for (let points = 0; points <= 60; points++) {
      const some = trainingWarnings({ 'val/engine_gap': gaps.slice(0, points) }, settings);
      expect(all.slice(0, some.length)).toEqual(some);
    }
  });

  it('pass over values that are not finite', () => {
    const broken = curve(60, (i) => (i === 30 ? NaN : healthy['objective/kl']![i]![1]));
    expect(trainingWarnings({ ...healthy, 'objective/kl': broken }, settings)).toEqual([]);
  });
});
