import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConfiguration } from '@plumbline/config';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Measure } from './calibrated-precision.js';
import { choosePlan, type PlanConditions } from './choose-plan.js';

const small = resolveConfiguration({ name: 'small' });
const large = { ...small, pretrain: { ...small.pretrain, tokens: 2_000_000_000 } };
const fasterInBf16: Measure = ({ plan }) => Promise.resolve(plan.precision === 'bf16' ? 0.5 : 1);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plumbline-plan-'));
});
afterEach(() => rm(directory, { recursive: true }));

function choose(
  step: Parameters<typeof choosePlan>[0],
  configuration: typeof small,
  conditions: Partial<PlanConditions> = {},
) {
  const file = join(directory, 'calibrations.json');
  return choosePlan(
    step,
    configuration,
    {
      device: 'cpu',
      threads: 3,
      precision: 'auto',
      calibrationFile: file,
      measure: fasterInBf16,
      ...conditions,
    },
    { signal: new AbortController().signal, onMeasure: () => undefined },
  );
}

describe('choosePlan', () => {
  it('takes the precision that it is told', async () => {
    expect(await choose('optimise', small, { precision: 'bf16' })).toMatchObject({
      mode: 'compiled',
      precision: 'bf16',
      threads: 3,
    });
  });

  it('measures large pretraining only', async () => {
    expect((await choose('pretrain', small)).precision).toBe('fp32');
    expect((await choose('reward', large)).precision).toBe('fp32');
    expect((await choose('pretrain', large)).precision).toBe('bf16');
  });

  it('measures once for a size, also when the file was damaged meanwhile', async () => {
    const measure = vi.fn(fasterInBf16);
    await choose('pretrain', large, { measure });
    await choose('pretrain', large, { measure });
    expect(measure).toHaveBeenCalledTimes(2); // fp32 and bf16
    await choose('pretrain', { ...large, model: { ...large.model, layers: 5 } }, { measure });
    expect(measure).toHaveBeenCalledTimes(4);
    const file = join(directory, 'calibrations.json');
    expect(Object.values(JSON.parse(await readFile(file, 'utf8')) as object)).toHaveLength(2);
    await writeFile(file, '{');
    expect((await choose('pretrain', large, { measure })).precision).toBe('bf16');
    expect(measure).toHaveBeenCalledTimes(6);
  });

  it('fails as measuring fails', async () => {
    const measure: Measure = () => Promise.reject(new Error('out of memory'));
    await expect(choose('pretrain', large, { measure })).rejects.toThrow('out of memory');
  });
});
