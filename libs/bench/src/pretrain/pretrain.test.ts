import { COMPILED_FP32, EAGER_FP32 } from '@plumbline/training';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadPretrainWork } from './ours.js';
import { benchTokens, type PretrainTask } from './task.js';

/** What eager PyTorch found, from our first weights; see make-pretrain-losses.mjs. */
const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/pretrain-losses.json', import.meta.url), 'utf8'),
) as { task: Omit<PretrainTask, 'plan'>; losses: number[] };

describe('our side of the pretraining bench', () => {
  it.each([EAGER_FP32, COMPILED_FP32])('does the peer’s work, update by update ($mode)', async (plan) => {
    const work = loadPretrainWork({ ...fixture.task, plan: { ...plan, threads: fixture.task.threads } })();
    const losses: number[] = [];
    for (const _ of fixture.losses) losses.push((await work.unit())['loss']!);
    fixture.losses.forEach((loss, update) => expect(Math.abs(losses[update]! - loss)).toBeLessThan(1e-3));
    // The first and the last are of the same batch: updates were done in between.
    expect(fixture.losses[0]! - fixture.losses.at(-1)!).toBeGreaterThan(1e-2);
  });

  it('sees the same tokens again after eight updates, and other ones before', () => {
    const task = { ...fixture.task, plan: EAGER_FP32 };
    expect(benchTokens(task, 8)).toEqual(benchTokens(task, 0));
    expect(benchTokens(task, 1)).not.toEqual(benchTokens(task, 0));
    expect(Math.max(...benchTokens(task, 3))).toBeLessThan(task.model.vocabulary);
  });
});
