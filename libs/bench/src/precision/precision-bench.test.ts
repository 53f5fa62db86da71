import { describe, expect, it } from 'vitest';
import { verdictOn } from './precision-bench.js';

describe('whether two precisions end at the same loss', () => {
  it('judges the means by the scatter among seeds and by one percent', () => {
    // Standard errors .1 each, so √2 · .1 of the difference.
    const fp32 = [4.9, 5.1, 5];
    const spread = Math.hypot(0.1, 0.1) / Math.sqrt(3);
    expect(verdictOn(fp32, [4.91, 5.11, 5.01])).toMatchObject({
      difference: expect.closeTo(0.01, 9) as number,
      standardError: expect.closeTo(spread, 9) as number,
      withinStandardErrors: true,
      withinShare: true,
    });
    // 0.06 nats are more than one percent of 5, but not more than two standard errors (0.163).
    expect(verdictOn(fp32, [4.96, 5.16, 5.06])).toMatchObject({
      withinStandardErrors: true,
      withinShare: false,
    });
    // Less scatter: the same two losses are told apart, though less than one percent lies between them.
    expect(verdictOn([5, 5.001, 4.999], [5.02, 5.021, 5.019])).toMatchObject({
      withinStandardErrors: false,
      withinShare: true,
    });
  });
});
