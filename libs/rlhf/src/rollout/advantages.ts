/** Axes: T response positions of one sequence. */

/**
 * Generalised advantage estimation (Schulman et al. 2016, arXiv:1506.02438) over one sequence, without bootstrap
 * after its last token: the episode ends there.
 *
 *     δ_t = r_t + γ·V_{t+1} − V_t        A_t = δ_t + γλ·A_{t+1}
 *
 * Positions whose `responseMask` is false (padding) are skipped: they get advantage 0 and neither their reward nor
 * their value reaches any other position.
 * @param rewards [T] reward of each token
 * @param values [T] value estimate before each token
 * @param responseMask [T], true = a token of the response; absent: all are
 * @returns [T] advantages; `advantage + value` is the return the value function regresses on
 * @throws RangeError if the lengths differ
 */
export function generalisedAdvantages(
  rewards: ArrayLike<number>,
  values: ArrayLike<number>,
  options: { readonly gamma: number; readonly lambda: number; readonly responseMask?: ArrayLike<boolean> },
): Float64Array {
  const { gamma, lambda, responseMask } = options;
  const length = rewards.length;
  if (values.length !== length) throw new RangeError(`${values.length} values for ${length} rewards`);
  if (responseMask && responseMask.length !== length) {
    throw new RangeError(`responseMask has ${responseMask.length} entries for ${length} rewards`);
  }
  const advantages = new Float64Array(length);
  let nextValue = 0;
  let nextAdvantage = 0;
  for (let t = length - 1; t >= 0; t--) {
    if (responseMask && !responseMask[t]) continue;
    const delta = rewards[t]! + gamma * nextValue - values[t]!;
    nextAdvantage = delta + gamma * lambda * nextAdvantage;
    nextValue = values[t]!;
    advantages[t] = nextAdvantage;
  }
  return advantages;
}
