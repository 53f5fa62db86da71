/**
 * How the gold reward moves while a proxy of it is optimised: Gao, Schulman and Hilton 2022, "Scaling laws for reward
 * model overoptimization" (arXiv:2210.10760), equations 1 and 2. With d = √KL, KL in nats between the optimised and the
 * initial policy, and the gold reward counted from that of the initial policy:
 *
 *     best-of-n               R(d) = d (α − β d)        highest at d = α/2β
 *     reinforcement learning  R(d) = d (α − β ln d)     highest at d = exp(α/β − 1)
 *
 * Both are linear in α and β.
 */

export type OveroptimisationForm = 'best-of-n' | 'rl';

export interface Coefficients {
  /** Gain per unit of d where optimisation begins; for `rl`, at d = 1. */
  readonly alpha: number;
  /** What over-optimisation takes away again. */
  readonly beta: number;
}

export interface OveroptimisationPoint {
  /** d = √KL, KL in nats; 0 is the initial policy. */
  readonly distance: number;
  /** Gold reward less the initial policy's. */
  readonly gain: number;
}

/** What multiplies −β d. */
function bend(form: OveroptimisationForm, distance: number): number {
  return form === 'best-of-n' ? distance : Math.log(distance);
}

/** Gold reward at distance d, counted from the initial policy's, which is at d = 0. */
export function goldGain(
  form: OveroptimisationForm,
  { alpha, beta }: Coefficients,
  distance: number,
): number {
  return distance === 0 ? 0 : distance * (alpha - beta * bend(form, distance));
}

/** The distance at which the gold reward is highest; null where the form has no highest point (α or β not above 0). */
export function peakDistance(form: OveroptimisationForm, { alpha, beta }: Coefficients): number | null {
  if (!(beta > 0)) return null;
  if (form === 'rl') return Math.exp(alpha / beta - 1);
  return alpha > 0 ? alpha / (2 * beta) : null;
}

/**
 * α and β by ordinary least squares in the gain. Points at d = 0 say nothing: both forms are 0 there.
 * @returns null where fewer than two different distances above 0 leave α and β undetermined
 * @throws RangeError for a distance below 0 or a number that is not finite
 */
export function fitOveroptimisation(
  form: OveroptimisationForm,
  points: readonly OveroptimisationPoint[],
): Coefficients | null {
  for (const { distance, gain } of points) {
    if (!(distance >= 0) || !Number.isFinite(distance) || !Number.isFinite(gain)) {
      throw new RangeError(`a gain of ${gain} at distance ${distance}`);
    }
  }
  const away = points.filter(({ distance }) => distance > 0);
  if (new Set(away.map(({ distance }) => distance)).size < 2) return null;
  // Normal equations of gain = α x − β y with x = d and y = d · bend(d).
  let xx = 0;
  let xy = 0;
  let yy = 0;
  let xg = 0;
  let yg = 0;
  for (const { distance: x, gain } of away) {
    const y = x * bend(form, x);
    xx += x * x;
    xy += x * y;
    yy += y * y;
    xg += x * gain;
    yg += y * gain;
  }
  const determinant = xx * yy - xy * xy;
  if (!(determinant > 1e-12 * xx * yy)) return null;
  return {
    alpha: (yy * xg - xy * yg) / determinant,
    beta: (xy * xg - xx * yg) / determinant,
  };
}
