import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draw, likeliest, type Sampling } from './index.js';

/**
 * What transformers' TopKLogitsWarper and TopPLogitsWarper leave, written as they are: whatever is less likely than the
 * k-th is removed; then, in ascending order, whatever has not more than 1 − p together with those before it.
 */
function kept(probabilities: Float32Array, { topK = 0, topP = 1 }: Sampling): number[] {
  let tokens = [...probabilities.keys()];
  if (topK > 0) {
    const kth = [...probabilities].sort((a, b) => b - a)[Math.min(topK, probabilities.length) - 1]!;
    tokens = tokens.filter((token) => probabilities[token]! >= kth);
  }
  if (topP < 1) {
    const total = tokens.reduce((sum, token) => sum + probabilities[token]!, 0);
    const ascending = [...tokens].sort((a, b) => probabilities[a]! - probabilities[b]! || b - a);
    let sum = 0;
    const removed = new Set(
      ascending.slice(0, -1).filter((token) => (sum += probabilities[token]! / total) <= 1 - topP),
    );
    tokens = tokens.filter((token) => !removed.has(token));
  }
  return tokens;
}

function softmax(scores: readonly number[]): Float32Array {
  const powers = scores.map(Math.exp);
  const total = powers.reduce((a, b) => a + b, 0);
  return Float32Array.from(powers, (power) => power / total);
}

/** Every token that some uniform draws, with its log-probability. */
function reachable(probabilities: Float32Array, sampling: Sampling): Map<number, number> {
  const found = new Map<number, number>();
  for (let i = 0; i < 2000; i++) {
    const { token, logProbability } = draw(probabilities, i / 2000, sampling)!;
    found.set(token, logProbability);
  }
  return found;
}

describe('drawing a token', () => {
  it('takes the token in which the uniform falls', () => {
    const probabilities = Float32Array.of(0.25, 0, 0.5, 0.25);
    const tokens = [0, 0.2499, 0.25, 0.7499, 0.75, 0.9999].map((u) => draw(probabilities, u, {})!.token);
    expect(tokens).toEqual([0, 0, 2, 2, 3, 3]);
    expect(draw(probabilities, 0.3, {})!.logProbability).toBeCloseTo(Math.log(0.5), 12);
  });

  it('takes the last possible token where rounding leaves the sum below the uniform', () => {
    expect(draw(Float32Array.of(0.5, 0.4999, 0), 0.99999, {})!.token).toBe(1);
  });

  it('keeps the tokens that top-k and top-p keep in transformers, and scales them to sum 1', () => {
    const scores = fc.array(fc.double({ min: -4, max: 4, noNaN: true }), { minLength: 1, maxLength: 12 });
    const property = fc.property(
      scores,
      fc.integer({ min: 0, max: 14 }),
      fc.integer({ min: 1, max: 20 }),
      (values, topK, twentieths) => {
        const probabilities = softmax(values);
        const sampling = { topK, topP: twentieths / 20 };
        // Not where rounding decides whether a token stays.
        const edge = (topP: number): number[] => kept(probabilities, { topK, topP });
        fc.pre(edge(sampling.topP - 1e-6).length === edge(Math.min(1, sampling.topP + 1e-6)).length);
        const allowed = kept(probabilities, sampling);
        const total = allowed.reduce((sum, token) => sum + probabilities[token]!, 0);
        for (const [token, logProbability] of reachable(probabilities, sampling)) {
          expect(allowed).toContain(token);
          expect(logProbability).toBeCloseTo(Math.log(probabilities[token]! / total), 5);
        }
        const likely = allowed.filter((token) => probabilities[token]! / total > 0.002);
        expect([...reachable(probabilities, sampling).keys()]).toEqual(expect.arrayContaining(likely));
      },
    );
    fc.assert(property, { seed: 1, numRuns: 300 });
  });

  it('keeps every token as likely as the k-th, and one token at least', () => {
    expect([...reachable(Float32Array.of(0.3, 0.1, 0.3, 0.3), { topK: 2 }).keys()]).toEqual([0, 2, 3]);
    expect([...reachable(Float32Array.of(0.2, 0.5, 0.3), { topP: 1e-6 }).keys()]).toEqual([1]);
    expect([...reachable(Float32Array.of(0.2, 0.5, 0.3), { topK: 1, topP: 1e-6 }).keys()]).toEqual([1]);
  });

  it('says so when the probabilities are not numbers', () => {
    const broken = new Float32Array(4).fill(NaN);
    expect(likeliest(broken)).toBeNull();
    for (const sampling of [{}, { topK: 2 }, { topP: 0.5 }, { topK: 2, topP: 0.5 }]) {
      expect(draw(broken, 0.5, sampling)).toBeNull();
    }
  });
});
