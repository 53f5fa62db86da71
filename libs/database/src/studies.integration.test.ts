import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  CONFIGURATION,
  hash,
  newRun,
  startTestRecord,
  WORKER,
  type TestRecord,
} from '../test-support/fixtures.js';
import {
  createStudyRun,
  getRun,
  listRunEvents,
  listRuns,
  listStudyRuns,
  Run,
  setPauseRequested,
  setRunStatus,
  type NewStudyRun,
} from './index.js';

let record: TestRecord;
let studyId: string;
beforeAll(async () => {
  record = await startTestRecord();
  studyId = await newRun(record.app);
  const study = { rewardModels: [{ layers: 1, heads: 2, width: 16 }], labels: [10] };
  await record.app.manager.update(Run, { id: studyId }, { configuration: { ...CONFIGURATION, study } });
});
afterAll(async () => {
  await record.stop();
});

const member = (name: string, more: Partial<NewStudyRun> = {}): NewStudyRun => ({
  studyId,
  member: name,
  configuration: { ...CONFIGURATION, name },
  configurationHash: hash(name),
  inputs: {},
  ...more,
});

it('records a run of a study once, however often it is begun', async () => {
  const begun = await Promise.all(
    Array.from({ length: 4 }, () => createStudyRun(record.app, member('first', { fromStep: 'reward' }))),
  );
  expect(new Set(begun.map(({ runId }) => runId)).size).toBe(1);
  const [{ runId, workflowId }] = begun as [(typeof begun)[0]];
  const [run, study] = await Promise.all([getRun(record.app, runId), getRun(record.app, studyId)]);
  expect(run).toMatchObject({
    studyId,
    studyMember: 'first',
    forkedFrom: studyId,
    fromStep: 'reward',
    status: 'queued',
    workflowId,
    startedBy: study.startedBy,
    versions: study.versions,
  });
  const events = await listRunEvents(record.app, { runId, cursor: null, limit: 10 });
  expect(events.map(({ action }) => action)).toEqual(['run.created']);
});

it('lists the runs of a study in the order in which they began, and of nothing else', async () => {
  await createStudyRun(record.app, member('second'));
  const runs = await listStudyRuns(record.app, studyId);
  expect(runs.map(({ studyMember }) => studyMember)).toEqual(['first', 'second']);
  expect(runs[1]).toMatchObject({ forkedFrom: null });
  const listed = await listRuns(record.app, { studyId, limit: 10 });
  expect(listed.map(({ name }) => name)).toEqual(['second', 'first']);
  await expect(listStudyRuns(record.app, await newRun(record.app))).rejects.toThrow('is no study');
});

it('pauses the runs that are not over with their study, and lets them go on with it', async () => {
  const [first, second] = (await listStudyRuns(record.app, studyId)) as [Run, Run];
  await setRunStatus(record.app, { runId: second.id, status: 'completed', actor: WORKER });
  await setPauseRequested(record.app, { runId: studyId, paused: true });
  const requested = async () =>
    Promise.all(
      [studyId, first.id, second.id].map(async (id) => (await getRun(record.app, id)).pauseRequested),
    );
  expect(await requested()).toEqual([true, true, false]);
  await setPauseRequested(record.app, { runId: studyId, paused: false });
  expect(await requested()).toEqual([false, false, false]);
});

it('refuses a run of a study that is not there', async () => {
  await expect(
    createStudyRun(record.app, member('orphan', { studyId: '00000000-0000-4000-8000-000000000000' })),
  ).rejects.toThrow('there is no run');
});
