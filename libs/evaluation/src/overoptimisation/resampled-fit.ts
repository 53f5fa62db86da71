import type { Estimate, FittedForm } from '@plumbline/contracts';
import { quantile } from '../estimates.js';
import {
  fitOveroptimisation,
  peakDistance,
  type Coefficients,
  type OveroptimisationForm,
  type OveroptimisationPoint,
} from './forms.js';
import type { ResampledMean } from './resampled-means.js';

/** A policy on the frontier, as the bootstrap over prompts sees it. */
export interface ResampledPoint {
  readonly gold: ResampledMean;
  /** KL to the initial policy in nats: a mean over prompts, or known. */
  readonly kl: ResampledMean | number;
}

export interface FrontierToFit {
  readonly form: OveroptimisationForm;
  /** Gold reward of the initial policy. */
  readonly initial: ResampledMean;
  readonly points: readonly ResampledPoint[];
}

/**
 * α, β and the peak with 95 % intervals: the fit is repeated on every resample of the prompts, KL and initial policy
 * included. A resample whose fit has no peak counts as one with its peak infinitely far away.
 * @returns null where the points do not determine the form, or hardly (fewer than three of them)
 */
export function fitResampled({ form, initial, points }: FrontierToFit): FittedForm | null {
  if (points.length < 3) return null;
  const fitted = fitOveroptimisation(
    form,
    points.map(({ gold, kl }) => ({
      distance: distance(typeof kl === 'number' ? kl : kl.mean),
      gain: gold.mean - initial.mean,
    })),
  );
  if (fitted === null) return null;
  const resamples = Array.from(initial.resamples, (from, resample) =>
    fitOveroptimisation(
      form,
      points.map(({ gold, kl }): OveroptimisationPoint => ({
        distance: distance(typeof kl === 'number' ? kl : kl.resamples[resample]!),
        gain: gold.resamples[resample]! - from,
      })),
    ),
  ).filter((fit): fit is Coefficients => fit !== null);
  const estimate = (name: keyof Coefficients): Estimate => ({
    value: fitted[name],
    ...interval(resamples.map((fit) => fit[name])),
    n: points.length,
  });
  const peak = peakDistance(form, fitted);
  const peaks = interval(resamples.map((fit) => peakDistance(form, fit) ?? Infinity));
  return {
    alpha: estimate('alpha'),
    beta: estimate('beta'),
    peak: { distance: peak, low: finite(peaks.low), high: finite(peaks.high) },
  };
}

/** The k1 estimate of a KL may come out below 0 where the policy has hardly moved. */
function distance(kl: number): number {
  return Math.sqrt(Math.max(0, kl));
}

function interval(values: readonly number[]): { low: number; high: number } {
  const sorted = Float64Array.from(values).sort();
  return { low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
