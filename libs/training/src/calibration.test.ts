import { describe, expect, it } from 'vitest';
import { calibrationPays, COMPILED_FP32, fasterPrecision, measureUpdate } from './index.js';

const MODEL = { layers: 4, heads: 4, width: 128, context: 64, vocabulary: 1024 };

describe('calibration', () => {
  it('pays for large steps only', () => {
    expect(calibrationPays(MODEL, 2_000_000)).toBe(false);
    expect(calibrationPays({ ...MODEL, layers: 12, width: 768, vocabulary: 50257 }, 2_000_000)).toBe(true);
  });

  it('takes bf16 where it is a tenth faster', () => {
    expect(fasterPrecision({ fp32: 1.2, bf16: 1 })).toBe('bf16');
    expect(fasterPrecision({ fp32: 1.05, bf16: 1 })).toBe('fp32');
    expect(fasterPrecision({ fp32: 1, bf16: 3 })).toBe('fp32');
  });

  it('measures an update of the given size', () => {
    const work = { model: { layers: 1, heads: 1, width: 8, context: 8, vocabulary: 32 }, rows: 2 };
    expect(measureUpdate({ ...COMPILED_FP32, threads: 1 }, work)).toBeGreaterThan(0);
  });
});
