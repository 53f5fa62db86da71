import { loadTensorFlow } from '@plumbline/compute';
import { initialise, toTensorMap } from '@plumbline/model';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createGenerator, OnnxRuntimeError } from './index.js';

const CONFIG = { layers: 1, heads: 2, width: 16, context: 8, vocabulary: 16 };
const REQUEST = { promptTokens: [[1, 2]], responseTokens: 3, temperature: 0 };
const platform = process.platform;

/** As on a platform that onnxruntime-node has no library for. */
function pretendPlatform(value: string): void {
  Object.defineProperty(process, 'platform', { value, configurable: true, enumerable: true });
}

describe('where ONNX Runtime cannot be loaded', () => {
  beforeAll(() => {
    loadTensorFlow({ device: 'cpu' });
    pretendPlatform('sunos');
  });
  afterAll(() => {
    pretendPlatform(platform);
  });

  it('TensorFlow generates, with one warning, unless ONNX Runtime was asked for', async () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const weights = toTensorMap(initialise(CONFIG, 1));
    await expect(createGenerator(CONFIG, weights, { engine: 'onnx' })).rejects.toThrow(OnnxRuntimeError);
    expect(warnings).not.toHaveBeenCalled();

    const loadTensorFlowFirst = vi.fn();
    const generator = await createGenerator(CONFIG, weights, { loadTensorFlow: loadTensorFlowFirst });
    const second = await createGenerator(CONFIG, weights);
    expect([generator.engine, second.engine]).toEqual(['tfjs', 'tfjs']);
    expect(loadTensorFlowFirst).toHaveBeenCalledTimes(1);
    expect((await generator.generate(REQUEST)).tokens[0]).toHaveLength(3);
    expect(warnings).toHaveBeenCalledTimes(1);
    expect(warnings.mock.calls[0]![0]).toMatch(/ONNX Runtime cannot be loaded \(.*slower/);
    await generator.dispose();
    await second.dispose();
  });
});
