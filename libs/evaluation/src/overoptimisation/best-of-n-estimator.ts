/**
 * What best-of-n would score, from N ≥ n responses of a prompt: not one draw of n of them, but the mean over all
 * subsets. Nakano et al. 2021 (WebGPT, arXiv:2112.09332), appendix I; Gao et al. 2022 (arXiv:2210.10760) measure their
 * best-of-n curves so.
 */

/**
 * Probability that the response of each rank is the best of n drawn without replacement out of N:
 * C(i − 1, n − 1)/C(N, n) for the i-th worst, i = 1 … N.
 * @throws RangeError unless 1 ≤ n ≤ N, both integers
 */
export function bestOfNWeights(samples: number, n: number): Float64Array {
  if (!Number.isInteger(n) || !Number.isInteger(samples) || n < 1 || n > samples) {
    throw new RangeError(`the best of ${n} out of ${samples} responses`);
  }
  const weights = new Float64Array(samples);
  let weight = n / samples;
  for (let rank = samples; rank >= n; rank--) {
    weights[rank - 1] = weight;
    weight *= (rank - n) / (rank - 1);
  }
  return weights;
}

/**
 * Expected value of the response that best-of-n would choose, without bias.
 * @param scores what the choice goes by, one for each of the N responses; among equal ones the choice is by lot
 * @param values what the chosen response is worth, in the same order
 * @throws RangeError if the lengths differ, or as `bestOfNWeights`
 */
export function expectedBestOfN(scores: ArrayLike<number>, values: ArrayLike<number>, n: number): number {
  if (scores.length !== values.length) {
    throw new RangeError(`${scores.length} scores of ${values.length} values`);
  }
  const weights = bestOfNWeights(scores.length, n);
  const ascending = Array.from(scores, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  let expected = 0;
  for (let from = 0; from < ascending.length;) {
    let to = from;
    let weight = 0;
    let sum = 0;
    for (; to < ascending.length && scores[ascending[to]!] === scores[ascending[from]!]; to++) {
      weight += weights[to]!;
      sum += values[ascending[to]!]!;
    }
    expected += (weight * sum) / (to - from);
    from = to;
  }
  return expected;
}
