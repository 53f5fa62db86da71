import { describe, expect, it } from 'vitest';
import { disturbed, speedRow } from './compare.js';

describe('a row of speed', () => {
  it('has a ratio above 1 where ours is faster, and none without a peer', () => {
    expect(speedRow('pretrain/4x128/torch-fp32', 300, 200, 'tokens/s')).toEqual({
      name: 'pretrain/4x128/torch-fp32',
      ours: 300,
      peer: 200,
      unit: 'tokens/s',
      ratio: 1.5,
    });
    expect(speedRow('x', 300, undefined, 'tokens/s')).toMatchObject({ peer: null, ratio: null });
  });

  it('is doubted when rounds of one side differ widely', () => {
    expect(disturbed([10, 11, 12])).toBe(false);
    expect(disturbed([10, 11, 5])).toBe(true);
  });
});
