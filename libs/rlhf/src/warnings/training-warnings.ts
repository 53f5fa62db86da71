import type { OptimiseConfiguration, TrainingWarning, WarningKind } from '@plumbline/contracts';

/** Curves of the step `optimise` by metric: [index, value], index rising. They need not have points at the same places. */
export type Curves = Readonly<Record<string, readonly (readonly [index: number, value: number])[]>>;

/** Points that a mean is taken over, so that one odd iteration is no warning. */
const WINDOW = 5;

/** What makes a warning, from the points up to one place. */
interface Rule {
  readonly kind: WarningKind;
  /** Metrics it looks at; the first one's points are the places it is asked at. All must be there. */
  readonly metrics: readonly [string, ...string[]];
  /** The warning's words at this place, or null. `past[i]` are the values of `metrics[i]` so far, oldest first. */
  readonly judge: (past: readonly (readonly number[])[], settings: OptimiseConfiguration) => string | null;
}

const RULES: readonly Rule[] = [
  {
    // Beyond reach of the controller, or grown at a rate that no controller follows.
    kind: 'kl-explosion',
    metrics: ['objective/kl'],
    judge: ([kls], { kl: { controller, target } }) => {
      const kl = kls!.at(-1)!;
      if (controller === 'adaptive' && kl > 4 * target) {
        return `KL is ${shown(kl)} nats a response, over four times the target of ${shown(target)}`;
      }
      const before = mean(kls!.slice(-1 - WINDOW, -1));
      // A small policy may well come near its target in a few iterations.
      const usual = controller === 'adaptive' ? Math.max(5, 1.5 * target) : 5;
      if (kls!.length > WINDOW && kl > usual && kl > 3 * before) {
        return `KL is ${shown(kl)} nats a response, from a mean of ${shown(before)} over the last ${WINDOW} points`;
      }
      return null;
    },
  },
  {
    // k1 has mean KL ≥ 0 when responses are samples of the policy at the temperature that it is scored at.
    kind: 'negative-kl',
    metrics: ['objective/kl'],
    judge: ([kls]) => {
      const recent = mean(kls!.slice(-WINDOW));
      return kls!.length >= WINDOW && recent < -0.05
        ? `the KL estimate averages ${shown(recent)} nats a response: the responses are not samples of the policy that is scored`
        : null;
    },
  },
  {
    kind: 'entropy-collapse',
    metrics: ['policy/entropy_avg'],
    judge: ([entropies]) => {
      const { first, last } = ends(entropies!);
      return last < 0.25 * first
        ? `entropy fell from ${shown(first)} to ${shown(last)} nats a token: the policy says ever the same`
        : null;
    },
  },
  {
    kind: 'length-drift',
    metrics: ['completions/mean_length'],
    judge: ([lengths]) => {
      const { first, last } = ends(lengths!);
      return last > 1.5 * first || last < first / 1.5
        ? `responses went from ${shown(first)} to ${shown(last)} tokens: the reward may be one for length`
        : null;
    },
  },
  {
    kind: 'gold-falls',
    metrics: ['objective/gold', 'objective/scores'],
    judge: ([golds, scores]) => {
      if (golds!.length < 2 * WINDOW) return null;
      return divergence(
        windows(golds!).at(-1)!,
        windows(golds!.slice(0, -WINDOW)),
        scores!,
        (now, before) => `the gold reward fell from ${before} to ${now}`,
      );
    },
  },
  {
    kind: 'held-out-falls',
    metrics: ['heldOut/scores', 'heldOut/scores_error', 'objective/scores'],
    judge: ([heldOut, errors, scores]) => {
      const measured = heldOut!.map((mean, i) => ({ mean, variance: errors![i]! ** 2, end: i + 1 }));
      return divergence(
        measured.at(-1)!,
        measured.slice(0, -1),
        scores!,
        (now, before) => `the reward on held-out prompts fell from ${before} to ${now}`,
      );
    },
  },
  {
    kind: 'value-loss-divergence',
    metrics: ['loss/value_avg'],
    judge: ([losses]) => {
      if (losses!.length < 2 * WINDOW) return null;
      const last = mean(losses!.slice(-WINDOW));
      const best = Math.min(...windows(losses!.slice(0, -WINDOW)).map(({ mean: value }) => value));
      return last > 4 * best && last > 0.1
        ? `value loss is ${shown(last)}, from ${shown(best)} at its best: advantages are noise`
        : null;
    },
  },
  {
    kind: 'clip-fraction',
    metrics: ['policy/clipfrac_avg'],
    judge: ([fractions]) => {
      const recent = mean(fractions!.slice(-WINDOW));
      return fractions!.length >= WINDOW && recent > 0.3
        ? `${shown(100 * recent)} % of what is learned from is clipped: updates are too large`
        : null;
    },
  },
  {
    // Both compute the same; rounding alone stays far below this, bf16's too.
    kind: 'engine-gap',
    metrics: ['val/engine_gap'],
    judge: ([gaps]) => {
      const gap = gaps!.at(-1)!;
      return gap > 0.1
        ? `rollout engine and trainer differ by ${shown(gap)} nats on a token: they do not run the same policy`
        : null;
    },
  },
];

/**
 * Every warning that the curves give rise to, in order of the place where it begins. One that goes on is said once; it may
 * be said again after `WINDOW` points without it. A pure function of the curves: more points add warnings at the end and
 * take none away.
 */
export function trainingWarnings(curves: Curves, settings: OptimiseConfiguration): TrainingWarning[] {
  return RULES.flatMap((rule) => raised(rule, curves, settings)).sort(
    (a, b) => a.index - b.index || (a.kind < b.kind ? -1 : 1),
  );
}

/** Metrics that warnings are read off. */
export const WATCHED_METRICS: readonly string[] = [...new Set(RULES.flatMap(({ metrics }) => metrics))];

function raised(rule: Rule, curves: Curves, settings: OptimiseConfiguration): TrainingWarning[] {
  const watched = rule.metrics.map((name) => finite(curves[name] ?? []));
  const warnings: TrainingWarning[] = [];
  let quiet = WINDOW;
  for (const [index] of watched[0]!) {
    const past = watched.map((points) => points.filter(([at]) => at <= index).map(([, value]) => value));
    const message = past.every((values) => values.length > 0) ? rule.judge(past, settings) : null;
    if (message !== null && quiet >= WINDOW) warnings.push({ kind: rule.kind, index, message });
    quiet = message === null ? quiet + 1 : 0;
  }
  return warnings;
}

/**
 * Whether the reward that is optimised went up while another fell: the other is below its best by more than two standard
 * errors of both, and the reward is above what it was then.
 */
function divergence(
  now: Measured,
  earlier: readonly Measured[],
  scores: readonly number[],
  words: (now: string, before: string) => string,
): string | null {
  if (earlier.length === 0) return null;
  const best = earlier.reduce((a, b) => (b.mean > a.mean ? b : a));
  if (!(now.mean < best.mean - 2 * Math.sqrt(now.variance + best.variance))) return null;
  // The curves may have points at different places: the same share of the way.
  const score = (end: number): number => {
    const to = Math.max(1, Math.round((end / now.end) * scores.length));
    return mean(scores.slice(Math.max(0, to - WINDOW), to));
  };
  const [before, after] = [score(best.end), score(now.end)];
  return after > before
    ? `${words(shown(now.mean), shown(best.mean))} while the reward rose from ${shown(before)} to ${shown(after)}`
    : null;
}

/** A mean, the square of its standard error, and how many points of the curve there are up to its last. */
interface Measured {
  readonly mean: number;
  readonly variance: number;
  readonly end: number;
}

/** Means of every stretch of `WINDOW` values. */
function windows(values: readonly number[]): Measured[] {
  return Array.from({ length: values.length - WINDOW + 1 }, (_, start) => {
    const stretch = values.slice(start, start + WINDOW);
    const centre = mean(stretch);
    const variance = mean(stretch.map((value) => (value - centre) ** 2));
    return { mean: centre, variance: variance / (WINDOW - 1), end: start + WINDOW };
  });
}

/** Means of the first and the last window; the same while there is no more than one. */
function ends(values: readonly number[]): { readonly first: number; readonly last: number } {
  return { first: mean(values.slice(0, WINDOW)), last: mean(values.slice(-WINDOW)) };
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function finite(points: Curves[string]): Curves[string] {
  return points.filter(([, value]) => Number.isFinite(value));
}

function shown(value: number): string {
  return String(Number(value.toPrecision(3)));
}
