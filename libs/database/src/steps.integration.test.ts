import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hash, newRun, newStep, startTestRecord, WORKER, type TestRecord } from '../test-support/fixtures.js';
import {
  appendMetrics,
  beginStep,
  commitCheckpoint,
  completeStep,
  getRun,
  getStepWork,
  issueEpoch,
  listRunEvents,
  listUnarchivedRuns,
  listUnfinishedRuns,
  markStep,
  query,
  listSteps,
  readSeries,
  recordWarnings,
  reportProgress,
  setPauseRequested,
  setRunHistory,
  setRunStatus,
  storePlan,
  SupersededError,
  type CheckpointCommit,
} from './index.js';

let record: TestRecord;
beforeAll(async () => {
  record = await startTestRecord();
});
afterAll(async () => {
  await record.stop();
});

const actor = WORKER;
const PROGRESS = { phase: 'train', done: 1, total: 4, unit: 'updates' };

function commit(stepId: string, epoch: number, index: number, more: Partial<CheckpointCommit> = {}) {
  return commitCheckpoint(record.app, {
    stepId,
    epoch,
    index,
    artifactId: hash(`${stepId} ${index}`),
    bytes: 10,
    actor,
    ...more,
  });
}

async function actions(runId: string): Promise<string[]> {
  return (await listRunEvents(record.app, { runId, cursor: null, limit: 100 })).map(({ action }) => action);
}

describe('a step', () => {
  it('begins once, however often it is begun', async () => {
    const runId = await newRun(record.app);
    const begun = await Promise.all(
      Array.from({ length: 4 }, () => beginStep(record.app, { runId, step: 'pretrain', inputs: {}, actor })),
    );
    expect(new Set(begun.map(({ stepId }) => stepId)).size).toBe(1);
    expect(await actions(runId)).toEqual(['run.created', 'step.started', 'run.started']);
    expect((await getRun(record.app, runId)).status).toBe('running');
  });

  it('takes inputs that the record knows, and no others', async () => {
    const { runId, stepId } = await newStep(record.app);
    const model = hash(`${runId} model`);
    await expect(beginStep(record.app, { runId, step: 'sample', inputs: { model }, actor })).rejects.toThrow(
      /step_artifacts_artifact_id_fkey/,
    );
    await completeStep(record.app, {
      stepId,
      outputs: { model: { id: model, kind: 'checkpoint', mediaType: 'application/json', bytes: 1 } },
      actor,
    });
    const sample = await beginStep(record.app, { runId, step: 'sample', inputs: { model }, actor });
    expect(await getStepWork(record.app, sample.stepId)).toMatchObject({
      runId,
      name: 'sample',
      status: 'running',
      inputs: { model },
      outputs: {},
      configuration: { seed: 7 },
      pauseRequested: false,
    });
    expect((await getStepWork(record.app, stepId)).outputs).toEqual({ model });
  });

  it('completes once and stays as it ended', async () => {
    const { runId, stepId } = await newStep(record.app);
    const complete = () => completeStep(record.app, { stepId, outputs: {}, actor });
    await complete();
    await complete();
    await markStep(record.app, { stepId, status: 'failed', reason: 'late', actor });
    await beginStep(record.app, { runId, step: 'pretrain', inputs: {}, actor });
    expect((await getStepWork(record.app, stepId)).status).toBe('completed');
    expect((await actions(runId)).filter((action) => action.startsWith('step.'))).toEqual([
      'step.started',
      'step.completed',
    ]);
    await expect(issueEpoch(record.app, { stepId, actor })).rejects.toMatchObject({ code: 'finished' });
  });

  it('that waits for people makes its run wait, and go on with it', async () => {
    const { runId, stepId } = await newStep(record.app, 'collect');
    await markStep(record.app, { stepId, status: 'waiting', actor });
    expect((await getRun(record.app, runId)).status).toBe('waiting');
    await completeStep(record.app, { stepId, outputs: {}, actor });
    expect((await getRun(record.app, runId)).status).toBe('running');
    expect(await actions(runId)).toEqual([
      'run.created',
      'step.started',
      'run.started',
      'step.waiting',
      'run.waiting',
      'step.completed',
      'run.resumed',
    ]);
  });

  it('keeps the reason of its failure, even one with U+0000', async () => {
    const { runId, stepId } = await newStep(record.app);
    await markStep(record.app, { stepId, status: 'failed', reason: 'loss is NaN\0', actor });
    await setRunStatus(record.app, { runId, status: 'failed', actor });
    const [step] = await query<{ error: string }>(record.app, `SELECT error FROM steps WHERE id = $1`, [
      stepId,
    ]);
    expect(step?.error).toBe('loss is NaN\u2400');
    expect((await getRun(record.app, runId)).error).toBe('no reason was given');
  });
});

describe('attempts', () => {
  it('continue from the newest checkpoint, and fence off the attempts before', async () => {
    const { runId, stepId } = await newStep(record.app);
    const first = await issueEpoch(record.app, { stepId, actor });
    expect(first).toEqual({ epoch: 1, checkpoint: null });
    await commit(stepId, 1, 10);
    await commit(stepId, 1, 20);
    const second = await issueEpoch(record.app, { stepId, actor });
    expect(second).toEqual({ epoch: 2, checkpoint: { index: 20, artifactId: hash(`${stepId} 20`) } });

    const late = [
      commit(stepId, 1, 30),
      reportProgress(record.app, { stepId, epoch: 1, progress: PROGRESS }),
      appendMetrics(record.app, { stepId, epoch: 1, metrics: [{ name: 'loss', index: 1, value: 1 }] }),
      storePlan(record.app, { stepId, epoch: 1, plan: {}, actor }),
    ];
    for (const outcome of await Promise.allSettled(late)) {
      expect(outcome.status === 'rejected' && outcome.reason).toBeInstanceOf(SupersededError);
    }
    await commit(stepId, 2, 30);
    expect((await issueEpoch(record.app, { stepId, actor })).checkpoint?.index).toBe(30);
    expect((await actions(runId)).filter((action) => action === 'checkpoint.committed').length).toBe(3);
  });

  it('never both commit when they race', async () => {
    const { stepId } = await newStep(record.app);
    for (let index = 1; index <= 10; index += 1) {
      const { epoch } = await issueEpoch(record.app, { stepId, actor });
      const [committed, issued] = await Promise.allSettled([
        commit(stepId, epoch, index),
        issueEpoch(record.app, { stepId, actor }),
      ]);
      expect(issued.status).toBe('fulfilled');
      const resumeFrom = issued.status === 'fulfilled' ? issued.value.checkpoint?.index : undefined;
      // Either the commit came first and the successor continues from it, or it was refused.
      if (committed.status === 'fulfilled') expect(resumeFrom).toBe(index);
      else expect(committed.reason).toBeInstanceOf(SupersededError);
    }
  });

  it('may commit the same checkpoint again, but no other at its index or before', async () => {
    const { runId, stepId } = await newStep(record.app);
    const { epoch } = await issueEpoch(record.app, { stepId, actor });
    await commit(stepId, epoch, 10);
    await commit(stepId, epoch, 10);
    for (const index of [10, 9]) {
      await expect(commit(stepId, epoch, index, { artifactId: hash('another') })).rejects.toMatchObject({
        code: 'conflict',
      });
    }
    expect((await actions(runId)).filter((action) => action === 'checkpoint.committed').length).toBe(1);
  });

  it('use the plan of the first', async () => {
    const { stepId } = await newStep(record.app);
    await issueEpoch(record.app, { stepId, actor });
    expect(await storePlan(record.app, { stepId, epoch: 1, plan: { threads: 2 }, actor })).toEqual({
      threads: 2,
    });
    await issueEpoch(record.app, { stepId, actor });
    expect(await storePlan(record.app, { stepId, epoch: 2, plan: { threads: 8 }, actor })).toEqual({
      threads: 2,
    });
  });

  it('learn that somebody asked for a pause', async () => {
    const { runId, stepId } = await newStep(record.app);
    const { epoch } = await issueEpoch(record.app, { stepId, actor });
    expect(await commit(stepId, epoch, 1)).toEqual({ pauseRequested: false });
    await setPauseRequested(record.app, { runId, paused: true });
    expect(await commit(stepId, epoch, 2)).toEqual({ pauseRequested: true });
    expect(await reportProgress(record.app, { stepId, epoch, progress: PROGRESS })).toEqual({
      pauseRequested: true,
    });
  });
});

describe('curves', () => {
  it('are the same whether updates were repeated or not, and are thinned evenly', async () => {
    const { runId, stepId } = await newStep(record.app);
    const { epoch } = await issueEpoch(record.app, { stepId, actor });
    const points = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, offset) => ({
        name: 'loss',
        index: from + offset,
        value: from + offset,
      }));
    await appendMetrics(record.app, { stepId, epoch, metrics: points(0, 60) });
    await appendMetrics(record.app, { stepId, epoch, metrics: points(40, 100) });
    const [whole] = await readSeries(record.app, { runId });
    expect(whole?.points).toEqual(Array.from({ length: 100 }, (_, index) => [index, index]));
    const [thin] = await readSeries(record.app, { runId, limit: 10 });
    expect(thin?.points.map(([index]) => index)).toEqual([9, 19, 29, 39, 49, 59, 69, 79, 89, 99]);
    expect(await readSeries(record.app, { runId, step: 'reward' })).toEqual([]);
  });

  it('keep NaN, which JSON could not', async () => {
    const { runId, stepId } = await newStep(record.app);
    const { epoch } = await issueEpoch(record.app, { stepId, actor });
    await commit(stepId, epoch, 1, { metrics: [{ name: 'loss', index: 1, value: Number.NaN }] });
    expect((await readSeries(record.app, { runId }))[0]?.points).toEqual([[1, Number.NaN]]);
  });
});

describe('warnings', () => {
  const warning = (index: number) =>
    ({ kind: 'engine-gap', index, message: `differ by ${index} nats` }) as const;

  it('stand in the record once each, whatever attempt finds them, and at their step', async () => {
    const { runId, stepId } = await newStep(record.app);
    const { epoch } = await issueEpoch(record.app, { stepId, actor });
    await recordWarnings(record.app, { stepId, epoch, warnings: [warning(3)], actor });
    const { epoch: next } = await issueEpoch(record.app, { stepId, actor });
    await recordWarnings(record.app, { stepId, epoch: next, warnings: [warning(3), warning(9)], actor });
    await expect(
      recordWarnings(record.app, { stepId, epoch, warnings: [warning(12)], actor }),
    ).rejects.toBeInstanceOf(SupersededError);
    expect((await actions(runId)).filter((action) => action === 'step.warned')).toHaveLength(2);
    const [step] = await listSteps(record.app, runId);
    expect(step!.warnings).toEqual([warning(3), warning(9)]);
  });
});

describe('runs', () => {
  it('stay as they ended, and are listed for archiving until their history is there', async () => {
    const { runId } = await newStep(record.app);
    expect(await setRunStatus(record.app, { runId, status: 'completed', actor })).toBe(true);
    expect(await setRunStatus(record.app, { runId, status: 'completed', actor })).toBe(false);
    expect(await setRunStatus(record.app, { runId, status: 'failed', reason: 'late', actor })).toBe(false);
    expect(await getRun(record.app, runId)).toMatchObject({ status: 'completed', error: null });
    const listed = async () =>
      (await listUnarchivedRuns(record.app, 1000)).some((run) => run.runId === runId);
    expect(await listed()).toBe(true);
    const history = { id: hash(runId), kind: 'workflow-histories', mediaType: 'application/json', bytes: 1 };
    await setRunHistory(record.app, { runId, history, actor });
    await setRunHistory(record.app, { runId, history, actor });
    expect(await listed()).toBe(false);
    expect((await actions(runId)).filter((action) => action === 'run.archived').length).toBe(1);
  });

  it('that are on their way to the workflow engine are not yet missed there', async () => {
    const [fresh, begun] = [await newRun(record.app), (await newStep(record.app)).runId];
    const listed = (await listUnfinishedRuns(record.app)).map(({ runId }) => runId);
    expect([listed.includes(fresh), listed.includes(begun)]).toEqual([false, true]);
  });
});
