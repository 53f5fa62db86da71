import type { RunConfiguration } from '@plumbline/contracts';
import type { ArtifactStore } from '@plumbline/artifacts';
import { COMPILED_FP32, type StepFunction } from '@plumbline/training';
import { describe, expect, it } from 'vitest';
import { Stepwise } from './stepwise.js';

const LENGTH = 3;

function stepwise(step: StepFunction, commit?: () => Promise<void>): Stepwise {
  return new Stepwise({
    step,
    configuration: {} as RunConfiguration,
    inputs: {},
    artifacts: {} as ArtifactStore,
    plan: COMPILED_FP32,
    unit: 'updates',
    ...(commit && { observe: { commit } }),
  });
}

describe('a step, unit by unit', () => {
  const log: string[] = [];
  const step: StepFunction = async (_configuration, _inputs, context) => {
    context.progress({ phase: 'reading', done: 1, total: 1, unit: 'corpora' });
    await context.breathe();
    for (let done = 1; done <= LENGTH; done++) {
      log.push(`update ${done}`);
      await context.breathe();
      context.progress({
        phase: 'training',
        done,
        total: LENGTH,
        unit: 'updates',
        metrics: { index: done, values: { loss: -done } },
      });
      await context.breathe();
      await context.commit({ index: done, id: String(done) });
    }
    return { outcome: 'completed', outputs: {} };
  };

  it('does one unit when asked, gives its metrics, and begins again after the last', async () => {
    let commits = 0;
    const steps = stepwise(step, () => Promise.resolve(void commits++));
    const losses: number[] = [];
    for (let i = 0; i < LENGTH + 1; i++) {
      losses.push((await steps.unit())['loss']!);
      expect(log).toHaveLength(i + 1);
      expect(commits).toBe(i); // of the unit before
    }
    expect(losses).toEqual([-1, -2, -3, -1]);
  });

  it('fails where the step fails', async () => {
    const steps = stepwise(() => Promise.reject(new Error('no such model')));
    await expect(steps.unit()).rejects.toThrow('no such model');
  });
});
