import { describe, expect, it } from 'vitest';
import { checkpointCost, durabilityBench } from './durability-bench.js';

describe('the share of checkpoints', () => {
  it('is what a checkpoint adds, over the updates between two of them and itself', () => {
    // 10 updates of 0.1 s; a checkpoint adds 0.5 s, once in 45 updates: 0.5 of 5 s.
    const round = { updates: 10, without: 1, withCheckpoint: 1.5 };
    expect(checkpointCost([round], 45)).toEqual({ every: 45, update: 0.1, checkpoint: 0.5, share: 0.1 });
  });

  it('compares the two stretches of a round, so that a slow round counts once', () => {
    const rounds = [
      { updates: 10, without: 1, withCheckpoint: 1.25 },
      { updates: 10, without: 9, withCheckpoint: 9.25 },
      { updates: 10, without: 1, withCheckpoint: 5 },
    ];
    expect(checkpointCost(rounds, 10)).toMatchObject({ update: 0.1, checkpoint: 0.25 });
  });

  it('is measured for the default model and the sizes of bench pretrain', () => {
    expect(durabilityBench.sizes).toEqual(['default', '4x128', '4x256', '6x384']);
  });
});
