import type { RunDescription } from '@plumbline/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  allCheckpointIds,
  checkpointIds,
  expectCompleted,
  Installation,
  type PlannedKill,
} from './support/installation.js';
import { TINY_WITH_SFT as TINY } from './support/tiny-configuration.js';

/** One in each phase of a checkpoint. */
const KILLS: readonly PlannedKill[] = [
  { step: 'pretrain', moment: 'write', number: 6 },
  { step: 'sft', moment: 'rename', number: 3 },
  { step: 'reward', moment: 'commit-request', number: 2 },
  { step: 'optimise', moment: 'commit-transaction', number: 2 },
];

/** Kills in every way that users meet, and in each phase of a checkpoint; the longer drill is a command of its own. */
describe('a run that is interrupted', () => {
  let installation: Installation;
  let killed: RunDescription;
  let killsDone: PlannedKill[];
  let unbroken: Record<string, string | undefined>;
  let allUnbroken: Record<string, string[]>;

  // The first run of all is the killed one: a store that had its blobs already would write none of them.
  beforeAll(async () => {
    installation = await Installation.create();
    expect((await installation.run('up')).code).toBe(0);
    await installation.planKills(KILLS);
    killed = await installation.completed(await installation.start(TINY));
    killsDone = await installation.killsDone();
    await installation.planKills([]);
    const run = await installation.completed(await installation.start(TINY));
    expectCompleted(run, ['sft']);
    unbroken = checkpointIds(run);
    allUnbroken = allCheckpointIds(run);
    expect(Object.values(unbroken).filter(Boolean).length).toBeGreaterThanOrEqual(3);
  }, 600_000);
  afterAll(() => installation.remove());

  const committed = (step: string, atLeast: number) => (run: Awaited<ReturnType<Installation['show']>>) =>
    (run.steps.find(({ name }) => name === step)?.checkpoints.length ?? 0) >= atLeast;

  it('by kill -9 of the TensorFlow process ends with the same checkpoints', async () => {
    const runId = await installation.start(TINY);
    await installation.until(runId, committed('pretrain', 2));
    await installation.killTensorFlow();
    await installation.until(runId, committed('sft', 2));
    await installation.killTensorFlow();
    await installation.until(runId, committed('reward', 1));
    await installation.killTensorFlow();
    const run = await installation.completed(runId);
    expectCompleted(run, ['sft']);
    expect(checkpointIds(run)).toEqual(unbroken);
  });

  it('by kill -9 while a checkpoint is written, named and committed ends with the same checkpoints', () => {
    expect(killsDone).toEqual(KILLS);
    expectCompleted(killed, ['sft']);
    expect(allCheckpointIds(killed)).toEqual(allUnbroken);
  });

  it('by kill -9 of gpu-worker itself ends with the same checkpoints, and the worker is started again', async () => {
    const before = await installation.pidOf('gpu-worker');
    const kills: readonly PlannedKill[] = [{ step: 'optimise', moment: 'commit-answer', number: 1 }];
    await installation.planKills(kills);
    const runId = await installation.start(TINY);
    const run = await installation.completed(runId);
    expect(await installation.killsDone()).toEqual(kills);
    await installation.planKills([]);
    expectCompleted(run, ['sft']);
    expect(checkpointIds(run)).toEqual(unbroken);
    expect(await installation.pidOf('gpu-worker')).not.toBe(before);
    // Handed back by its successor, rather than missed by Temporal half a minute later.
    expect(await installation.retriedFailures(runId, ['optimise'])).toEqual([
      'the worker of this attempt was killed',
    ]);
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
