import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointIds, childrenOf, expectCompleted, Installation } from './support/installation.js';
import { TINY_WITH_SFT as TINY } from './support/tiny-configuration.js';

/** Kills in every way that users meet; the longer drill is a command of its own. */
describe('a run that is interrupted', () => {
  let installation: Installation;
  let unbroken: Record<string, string | undefined>;

  beforeAll(async () => {
    installation = await Installation.create();
    expect((await installation.run('up')).code).toBe(0);
    const run = await installation.completed(await installation.start(TINY));
    expectCompleted(run, ['sft']);
    unbroken = checkpointIds(run);
    expect(Object.values(unbroken).filter(Boolean).length).toBeGreaterThanOrEqual(3);
  });
  afterAll(() => installation.remove());

  const committed = (step: string, atLeast: number) => (run: Awaited<ReturnType<Installation['show']>>) =>
    (run.steps.find(({ name }) => name === step)?.checkpoints.length ?? 0) >= atLeast;

  it('by kill -9 of the TensorFlow process ends with the same checkpoints', async () => {
    const runId = await installation.start(TINY);
    await installation.until(runId, committed('pretrain', 2));
    for (const child of childrenOf(await installation.pidOf('gpu-worker'))) process.kill(child, 'SIGKILL');
    await installation.until(runId, committed('sft', 2));
    for (const child of childrenOf(await installation.pidOf('gpu-worker'))) process.kill(child, 'SIGKILL');
    await installation.until(runId, committed('reward', 1));
    for (const child of childrenOf(await installation.pidOf('gpu-worker'))) process.kill(child, 'SIGKILL');
    const run = await installation.completed(runId);
    expectCompleted(run, ['sft']);
    expect(checkpointIds(run)).toEqual(unbroken);
  });

  it('by kill -9 of gpu-worker itself ends with the same checkpoints, and the worker is started again', async () => {
    const runId = await installation.start(TINY);
    await installation.until(runId, committed('optimise', 1));
    const before = await installation.pidOf('gpu-worker');
    process.kill(before, 'SIGKILL');
    const run = await installation.completed(runId);
    expectCompleted(run, ['sft']);
    expect(checkpointIds(run)).toEqual(unbroken);
    expect(await installation.pidOf('gpu-worker')).not.toBe(before);
  });

  it('by down and up ends with the same checkpoints', async () => {
    const runId = await installation.start(TINY);
    await installation.until(runId, committed('pretrain', 1));
    expect((await installation.run('down')).code).toBe(0);
    expect((await installation.run('up')).code).toBe(0);
    const run = await installation.completed(runId);
    expectCompleted(run, ['sft']);
    expect(checkpointIds(run)).toEqual(unbroken);
  });

  it('by pause waits, and goes on when resumed, with the same checkpoints', async () => {
    const runId = await installation.start(TINY);
    await installation.until(runId, committed('pretrain', 1));
    await installation.json('run', 'pause', runId);
    await installation.until(runId, ({ status }) => status === 'paused');
    expect(await installation.json('run', 'resume', runId)).toMatchObject({ status: 'running' });
    const run = await installation.completed(runId);
    expect(checkpointIds(run)).toEqual(unbroken);
  });

  it('by cancel is cancelled, with its checkpoints kept', async () => {
    const endless = { ...TINY, pretrain: { ...TINY.pretrain, tokens: 1_000_000_000 } };
    const runId = await installation.start(endless);
    await installation.until(runId, committed('pretrain', 1));
    await installation.json('run', 'cancel', runId);
    const run = await installation.until(runId, ({ status }) => status === 'cancelled');
    expect(run.steps[0]).toMatchObject({ name: 'pretrain', status: 'cancelled' });
    expect(run.steps[0]!.checkpoints.length).toBeGreaterThan(0);
  });
});
