import { describe, expect, it } from 'vitest';
import { sharesOf } from './breakdown-bench.js';

describe('the shares of an iteration', () => {
  it('are medians that add up, a checkpoint divided among its iterations', () => {
    const round = { sampling: 2, scoring: 3, update: 4, checkpoint: 20 };
    const rounds = [round, { ...round, sampling: 1 }, { ...round, sampling: 99 }];
    const shares = sharesOf(rounds, 20);
    expect(shares).toEqual([
      { part: 'rollout', seconds: 2, share: 0.2 },
      { part: 'scoring', seconds: 3, share: 0.3 },
      { part: 'update', seconds: 4, share: 0.4 },
      { part: 'durability', seconds: 1, share: 0.1 },
    ]);
  });
});
