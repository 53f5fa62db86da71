import { FileArtifactStore } from '@plumbline/artifacts';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { recordingContext } from '../test-support/recording-context.js';
import { NonFiniteUpdateError, runTrainingLoop, type TrainingLoop } from './index.js';

const id = (done: number): string => `checkpoint-${done}`;

/** A loop that counts; update `failsAt` is not finite. */
function loop(changes: Partial<TrainingLoop> & { failsAt?: number; resumeFrom?: string } = {}) {
  const { failsAt, resumeFrom, ...rest } = changes;
  const context = recordingContext(new FileArtifactStore(tmpdir()), { resumeFrom: resumeFrom ?? null });
  const outcome = runTrainingLoop({
    context,
    phase: 'counting',
    unit: 'updates',
    from: 0,
    total: 10,
    checkpointEvery: 4,
    update: (index) => {
      if (index === failsAt) throw new NonFiniteUpdateError(`update ${index + 1}: loss NaN`);
      return { loss: index };
    },
    evaluate: (done) => Promise.resolve({ heldOut: done }),
    checkpoint: (done) => Promise.resolve({ id: id(done) }),
    ...rest,
  });
  return { context, outcome };
}

describe('runTrainingLoop', () => {
  it('commits a checkpoint at each interval and at the end, and measures there', async () => {
    const { context, outcome } = loop();
    expect(await outcome).toEqual({ outcome: 'completed', checkpoint: id(10) });
    expect(context.commits.map(({ index }) => index)).toEqual([4, 8, 10]);
    expect(context.metric('heldOut')).toEqual([4, 8, 10].map((done) => [done, done]));
    expect(context.metric('loss')).toHaveLength(10);
  });

  it('measures at its own interval where there is one, and at the end', async () => {
    const { context, outcome } = loop({ evaluateEvery: 3 });
    await outcome;
    expect(context.metric('heldOut').map(([index]) => index)).toEqual([3, 6, 9, 10]);
  });

  it('has nothing to do after the last update', async () => {
    const { context, outcome } = loop({ from: 10, resumeFrom: id(10) });
    expect(await outcome).toEqual({ outcome: 'completed', checkpoint: id(10) });
    expect(context.commits).toEqual([]);
  });
});

describe('an update that is not finite', () => {
  it('ends the loop with a checkpoint of the state before it', async () => {
    const { context, outcome } = loop({ failsAt: 6 });
    await expect(outcome).rejects.toThrow(
      'counting: update 7: loss NaN. Continue from checkpoint checkpoint-6 (6 updates done)',
    );
    expect(context.commits.at(-1)).toEqual({ index: 6, id: id(6) });
  });

  it('writes none where there is one, be it of an earlier attempt', async () => {
    const { context, outcome } = loop({ failsAt: 4 });
    await expect(outcome).rejects.toThrow('checkpoint-4 (4 updates done)');
    expect(context.commits).toHaveLength(1);
    const resumed = loop({ failsAt: 4, from: 4, resumeFrom: id(4) });
    await expect(resumed.outcome).rejects.toThrow('checkpoint-4 (4 updates done)');
    expect(resumed.context.commits).toEqual([]);
  });

  it('writes none of a state between two checkpoints’, and names the last one', async () => {
    const { context, outcome } = loop({ failsAt: 6, isWhole: () => false });
    await expect(outcome).rejects.toThrow('checkpoint-4 (4 updates done)');
    expect(context.commits).toHaveLength(1);
    await expect(loop({ failsAt: 2, isWhole: () => false }).outcome).rejects.toThrow(
      'There is no checkpoint to continue from',
    );
  });

  it('does not hide other errors', async () => {
    const update = () => Promise.reject(new RangeError('something else'));
    const { context, outcome } = loop({ update });
    await expect(outcome).rejects.toThrow(RangeError);
    expect(context.commits).toEqual([]);
  });
});
