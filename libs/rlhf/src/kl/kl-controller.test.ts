import { describe, expect, it } from 'vitest';
import { nextKlCoefficient } from './kl-controller.js';

const adaptive = { controller: 'adaptive', target: 6, horizon: 10_000 } as const;

describe('KL controller', () => {
  it.each([
    [0, 0.148464],
    [3, 0.148464],
    [6, 0.15],
    [7, 0.15128],
    [12, 0.151536],
  ])('adaptive, β = 0.15, 512 episodes, KL %d → %d', (kl, expected) => {
    expect(nextKlCoefficient(adaptive, 0.15, kl, 512)).toBeCloseTo(expected, 6);
  });

  it('holds a measured KL at the target', () => {
    // A policy whose KL falls as β grows, like the optimum of a KL-regularised objective: KL ∝ 1/β².
    let beta = 0.01;
    for (let iteration = 0; iteration < 3000; iteration++) {
      beta = nextKlCoefficient(adaptive, beta, 0.24 / beta ** 2, 64);
    }
    expect(0.24 / beta ** 2).toBeCloseTo(6, 1);
  });

  it('fixed stays where it was', () => {
    expect(nextKlCoefficient({ ...adaptive, controller: 'fixed' }, 0.05, 40, 512)).toBe(0.05);
  });
});
