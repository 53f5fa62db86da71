import { randomUUID } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeCheckpoint } from '@plumbline/artifacts';
import { createApiClient, type ApiClient } from '@plumbline/api-client';
import { loadPreset, resolveConfiguration } from '@plumbline/config';
import { PIPELINE_QUEUE, runWorkflowId, type PipelineInput } from '@plumbline/contracts';
import {
  appendMetrics,
  beginStep,
  commitCheckpoint,
  completeStep,
  issueEpoch,
  registerArtifacts,
  setRunHistory,
  setRunReport,
  setRunStatus,
} from '@plumbline/database';
import { startTestTemporal, type TestTemporal } from '@plumbline/testing';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectingRun, hash, newRun, WORKER } from '../../test-support/collecting-run.js';
import { startTestApi, type TestApi } from '../../test-support/test-api.js';

let temporal: TestTemporal;
let connection: Connection;
let engine: Client;
let api: TestApi;
let researcher: ApiClient;
beforeAll(async () => {
  temporal = await startTestTemporal();
  connection = await Connection.connect({ address: temporal.address });
  engine = new Client({ connection });
  api = await startTestApi(temporal.address);
  researcher = createApiClient({ baseUrl: api.url, token: await api.token('researcher') });
});
afterAll(async () => {
  await api.stop();
  await connection.close();
  await temporal.stop();
});

async function show(runId: string) {
  const { data, error } = await researcher.GET('/api/v1/runs/{id}', { params: { path: { id: runId } } });
  if (error !== undefined) throw new Error(JSON.stringify(error));
  return data;
}

async function actions(runId: string): Promise<string[]> {
  const { data } = await researcher.GET('/api/v1/runs/{id}/events', { params: { path: { id: runId } } });
  return data!.items.map(({ action }) => action);
}

/** What the run's workflow was started with; no worker serves the queue here. */
async function startedWith(runId: string): Promise<{ type: string; queue: string; input: PipelineInput }> {
  const handle = engine.workflow.getHandle(runWorkflowId(runId));
  const description = await handle.describe();
  const history = await handle.fetchHistory();
  const payload = history.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
  return {
    type: description.type,
    queue: description.taskQueue,
    input: JSON.parse(Buffer.from(payload ?? []).toString()) as PipelineInput,
  };
}

describe('starting a run', () => {
  it('records who started what with which code, and starts its workflow', async () => {
    const { data, response } = await researcher.POST('/api/v1/runs', {
      body: { preset: 'smoke', overrides: [{ path: 'seed', value: 5 }] },
    });
    expect(response.status).toBe(201);
    const run = await show(data!.runId);
    expect(run).toMatchObject({
      preset: 'smoke',
      status: 'queued',
      startedBy: 'A researcher',
      configuration: { seed: 5 },
      commit: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
      lockfileHash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      versions: { node: process.versions.node },
      workflowId: runWorkflowId(data!.runId),
    });
    expect(run.configuration).toEqual(
      resolveConfiguration(loadPreset('smoke').configuration, { overrides: [{ path: 'seed', value: 5 }] }),
    );
    expect(await startedWith(data!.runId)).toEqual({
      type: 'rlhfPipeline',
      queue: PIPELINE_QUEUE,
      input: { runId: data!.runId, inputs: {}, optionalSteps: [] },
    });
    expect(await actions(data!.runId)).toEqual(['run.created']);
  });

  it('starts a study as what it is, which cannot be forked', async () => {
    const { data } = await researcher.POST('/api/v1/runs', { body: { preset: 'overoptimisation' } });
    const { runId } = data!;
    expect(await startedWith(runId)).toMatchObject({
      type: 'overoptimisationStudy',
      // The second reward model has the size of the policy.
      input: { runId, pretrains: [true, false], labels: [400, 1600, 6400] },
    });
    expect(await show(runId)).toMatchObject({ members: [] });
    const { error, response } = await researcher.POST('/api/v1/runs/{id}/fork', {
      params: { path: { id: runId } },
      body: { from: 'reward' },
    });
    expect(response.status).toBe(409);
    expect(error).toMatchObject({ detail: `run ${runId} is a study: fork one of the runs that it started` });
  });

  it('gives equal configurations equal hashes', async () => {
    const start = async (seed: number) => {
      const { data } = await researcher.POST('/api/v1/runs', {
        body: { preset: 'smoke', overrides: [{ path: 'seed', value: seed }] },
      });
      return (await show(data!.runId)).configurationHash;
    };
    const [first, second, third] = [await start(1), await start(1), await start(2)];
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it.each([
    ['an unknown key', { configuration: { name: 'x', optimise: { klTarget: 3 } } }, 'optimise.klTarget'],
    [
      'a size that does not divide',
      { configuration: { name: 'x', model: { width: 30, heads: 4 } } },
      'model.width',
    ],
    ['a missing file', { configuration: { name: 'x', pretrain: { corpus: 'no.txt' } } }, 'pretrain.corpus'],
    ['an override of nothing', { preset: 'smoke', overrides: [{ path: 'modle.width', value: 8 }] }, 'modle'],
    ['a preset there is not', { preset: 'huge' }, 'preset'],
    ['neither preset nor configuration', {}, 'preset'],
    [
      'an input there is not',
      { configuration: { name: 'x', step: 'sample' as const, inputs: { model: hash('nothing') } } },
      'inputs.model',
    ],
  ])('is refused for %s, with the path of the key, and nothing is recorded', async (_, body, path) => {
    const before = (await researcher.GET('/api/v1/runs')).data!.items.length;
    const { response, error } = await researcher.POST('/api/v1/runs', { body });
    expect(response.status).toBe(422);
    expect(error?.errors?.map((problem) => problem.path)).toContain(path);
    expect((await researcher.GET('/api/v1/runs')).data!.items.length).toBe(before);
  });

  it('takes a single step from a model that was imported without the services', async () => {
    const imported = (model: object, step: 'import' | 'reward') =>
      writeCheckpoint(api.artifacts, {
        step,
        index: 0,
        configuration: { model },
        weights: {},
        optimizer: {},
        state: {},
        references: {},
      });
    const start = (model: string) =>
      researcher.POST('/api/v1/runs', {
        body: { configuration: { name: 'samples', step: 'sample', inputs: { model } } },
      });
    const model = await imported({ layers: 1 }, 'import');
    for (let time = 0; time < 2; time++) {
      const { data, response } = await start(model);
      expect(response.status).toBe(201);
      expect((await startedWith(data!.runId)).input).toMatchObject({ step: 'sample', inputs: { model } });
    }
    // What a run made elsewhere is not this record's.
    expect((await start(await imported({}, 'reward'))).response.status).toBe(422);
  });

  it('takes a single step from artifacts of earlier ones', async () => {
    const model = hash('model');
    await registerArtifacts(api.database, [
      { id: model, kind: 'checkpoint', mediaType: 'application/json', bytes: 1 },
    ]);
    const { data } = await researcher.POST('/api/v1/runs', {
      body: { configuration: { name: 'samples', step: 'sample', inputs: { model } } },
    });
    expect((await startedWith(data!.runId)).input).toEqual({
      runId: data!.runId,
      step: 'sample',
      inputs: { model },
      optionalSteps: [],
    });
  });

  it('does not leave a run queued for ever when the workflow engine is away', async () => {
    const lonely = await startTestApi();
    try {
      const client = createApiClient({ baseUrl: lonely.url, token: await lonely.token('researcher') });
      const { response, error } = await client.POST('/api/v1/runs', { body: { preset: 'smoke' } });
      expect([response.status, error?.type]).toEqual([503, 'urn:plumbline:unavailable']);
      const { data } = await client.GET('/api/v1/runs');
      expect(data?.items.map(({ status }) => status)).toEqual(['failed']);
      const detail = await client.GET('/api/v1/runs/{id}', {
        params: { path: { id: data!.items[0]!.runId } },
      });
      expect(detail.data?.error).toContain('workflow engine');
    } finally {
      await lonely.stop();
    }
  });
});

describe('cancelling', () => {
  it('asks the workflow to end and records who asked', async () => {
    const { data } = await researcher.POST('/api/v1/runs', { body: { preset: 'smoke' } });
    const { response } = await researcher.POST('/api/v1/runs/{id}/cancel', {
      params: { path: { id: data!.runId } },
    });
    expect(response.status).toBe(200);
    const history = await engine.workflow.getHandle(runWorkflowId(data!.runId)).fetchHistory();
    expect(history.events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes)).toBe(true);
    expect(await actions(data!.runId)).toEqual(['run.created', 'run.cancelling']);
  });

  it('ends a run that has no workflow, and is refused for one that is over', async () => {
    const runId = await newRun(api);
    const cancel = () => researcher.POST('/api/v1/runs/{id}/cancel', { params: { path: { id: runId } } });
    expect((await cancel()).data).toEqual({ status: 'cancelled' });
    expect((await cancel()).response.status).toBe(409);
    const pause = await researcher.POST('/api/v1/runs/{id}/pause', { params: { path: { id: runId } } });
    expect([pause.response.status, pause.error?.detail]).toEqual([409, 'the run is cancelled']);
  });
});

describe('forking', () => {
  /** A run whose first two steps are done. */
  async function halfDone(): Promise<{ runId: string; model: string; comparisons: string }> {
    const runId = await newRun(api, { name: 'original' });
    const ids = { model: hash(`${runId} model`), comparisons: hash(`${runId} comparisons`) };
    for (const [step, name] of [
      ['pretrain', 'model'],
      ['sample', 'comparisons'],
    ] as const) {
      const { stepId } = await beginStep(api.database, { runId, step, inputs: {}, actor: WORKER });
      await completeStep(api.database, {
        stepId,
        outputs: { [name]: { id: ids[name], kind: 'test', mediaType: 'application/json', bytes: 1 } },
        actor: WORKER,
      });
    }
    return { runId, ...ids };
  }
  const fork = (
    id: string,
    body: { from: 'sft' | 'collect' | 'reward'; overrides?: { path: string; value: unknown }[] },
  ) => researcher.POST('/api/v1/runs/{id}/fork', { params: { path: { id } }, body });

  it('starts a new run from what the earlier steps made', async () => {
    const { runId, model, comparisons } = await halfDone();
    const { data, response } = await fork(runId, {
      from: 'collect',
      overrides: [{ path: 'optimise.kl.target', value: 3 }],
    });
    expect(response.status).toBe(201);
    expect(await show(data!.runId)).toMatchObject({
      forkedFrom: runId,
      name: 'original',
      configuration: { optimise: { kl: { target: 3 } } },
    });
    expect((await startedWith(data!.runId)).input).toEqual({
      runId: data!.runId,
      fromStep: 'collect',
      inputs: { model, comparisons },
      optionalSteps: [],
    });
    // The fork has no steps of its own for these; those of the run it came from count.
    expect((await fork(data!.runId, { from: 'collect' })).response.status).toBe(201);
  });

  it('takes the model that fine-tuning made, and the pretrained one to fine-tune anew', async () => {
    const data = join(await mkdtemp(join(tmpdir(), 'sft-')), 'rows.jsonl');
    await writeFile(data, '');
    const runId = await newRun(api, { name: 'tuned', sft: { data } });
    for (const step of ['pretrain', 'sft', 'sample'] as const) {
      const { stepId } = await beginStep(api.database, { runId, step, inputs: {}, actor: WORKER });
      const name = step === 'sample' ? 'comparisons' : 'model';
      const id = hash(`${runId} ${step}`);
      await completeStep(api.database, {
        stepId,
        outputs: { [name]: { id, kind: 'test', mediaType: 'application/json', bytes: 1 } },
        actor: WORKER,
      });
    }
    const inputsOf = async (forked: string) => (await startedWith(forked)).input;
    const later = await fork(runId, { from: 'collect' });
    expect(await inputsOf(later.data!.runId)).toMatchObject({
      inputs: { model: hash(`${runId} sft`), comparisons: hash(`${runId} sample`) },
      optionalSteps: ['sft'],
    });
    // Of a fork, too, whose own inputs have the fine-tuned model only.
    for (const origin of [runId, later.data!.runId]) {
      const anew = await fork(origin, { from: 'sft', overrides: [{ path: 'sft.epochs', value: 2 }] });
      expect(await inputsOf(anew.data!.runId)).toMatchObject({
        inputs: { model: hash(`${runId} pretrain`) },
        optionalSteps: ['sft'],
      });
    }
    const without = await fork(runId, { from: 'sft', overrides: [{ path: 'sft', value: null }] });
    expect([without.response.status, without.error?.errors?.[0]?.path]).toEqual([422, 'sft']);
  });

  it('is refused when a step before is not done, or an override contradicts what is reused', async () => {
    const { runId } = await halfDone();
    const early = await fork(runId, { from: 'reward' });
    expect([early.response.status, early.error?.detail]).toEqual([
      409,
      `step collect of run ${runId} is not begun`,
    ]);
    const contradiction = await fork(runId, {
      from: 'collect',
      overrides: [{ path: 'model.width', value: 64 }],
    });
    expect([contradiction.response.status, contradiction.error?.errors?.[0]?.path]).toEqual([
      422,
      'model.width',
    ]);
  });
});

describe('reading runs', () => {
  it('pages through the list, newest first, without loss or repetition', async () => {
    const own = await startTestApi();
    try {
      const created: string[] = [];
      for (let index = 0; index < 5; index += 1) created.unshift(await newRun(own, { name: `run ${index}` }));
      const client = createApiClient({ baseUrl: own.url, token: await own.token('auditor') });
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const { data } = await client.GET('/api/v1/runs', { params: { query: { limit: 2, cursor } } });
        seen.push(...data!.items.map(({ runId }) => runId));
        cursor = data!.nextCursor ?? undefined;
      } while (cursor !== undefined);
      expect(seen).toEqual(created);
      const forged = await client.GET('/api/v1/runs', { params: { query: { cursor: 'forged' } } });
      expect([forged.response.status, forged.error?.errors?.[0]?.path]).toEqual([422, 'cursor']);
    } finally {
      await own.stop();
    }
  });

  it('shows steps with checkpoints, last metrics and curves', async () => {
    const runId = await newRun(api);
    const { stepId } = await beginStep(api.database, { runId, step: 'pretrain', inputs: {}, actor: WORKER });
    const { epoch } = await issueEpoch(api.database, { stepId, actor: WORKER });
    await appendMetrics(api.database, {
      stepId,
      epoch,
      metrics: Array.from({ length: 1200 }, (_, index) => ({ name: 'loss', index, value: 5 - index / 1000 })),
    });
    await commitCheckpoint(api.database, {
      stepId,
      epoch,
      index: 10,
      artifactId: hash(`${runId} checkpoint`),
      bytes: 321,
      metrics: [{ name: 'gradientNorm', index: 1200, value: Number.NaN }],
      progress: { phase: 'train', done: 10, total: 20, unit: 'updates' },
      actor: WORKER,
    });
    const run = await show(runId);
    expect(run).toMatchObject({
      status: 'running',
      currentStep: 'pretrain',
      progress: { phase: 'train', done: 10, total: 20, unit: 'updates' },
    });
    expect(run.steps).toMatchObject([
      {
        name: 'pretrain',
        status: 'running',
        checkpoints: [{ index: 10, id: hash(`${runId} checkpoint`) }],
        metrics: { loss: 5 - 1199 / 1000 },
        collection: null,
      },
    ]);
    const { data } = await researcher.GET('/api/v1/runs/{id}/metrics', {
      params: { path: { id: runId }, query: { step: 'pretrain' } },
    });
    const loss = data!.series.find(({ name }) => name === 'loss')!;
    expect(loss.points.length).toBeLessThanOrEqual(500);
    expect(loss.points.length).toBeGreaterThan(300);
    expect(loss.points.at(-1)).toEqual([1199, 5 - 1199 / 1000]);
    const indices = loss.points.map(([index]) => index!);
    expect(indices).toEqual([...indices].sort((a, b) => a - b));
    const artifact = await researcher.GET('/api/v1/artifacts/{id}', {
      params: { path: { id: hash(`${runId} checkpoint`) } },
    });
    expect(artifact.data).toMatchObject({
      kind: 'checkpoint',
      bytes: 321,
      producedBy: { runId, step: 'pretrain' },
    });
  });

  it('shows how far labelers are', async () => {
    const { runId } = await collectingRun(api);
    const run = await show(runId);
    expect(run.progress).toEqual({ phase: 'collect', done: 0, total: 3, unit: 'judgements' });
    expect(run.steps[0]?.collection).toEqual({ judged: 0, required: 3 });
  });

  it('pages through events in their order', async () => {
    const { runId } = await collectingRun(api);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const { data } = await researcher.GET('/api/v1/runs/{id}/events', {
        params: { path: { id: runId }, query: { limit: 2, cursor } },
      });
      seen.push(...data!.items.map(({ action, actor }) => `${actor.name}: ${action}`));
      cursor = data!.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual([
      'A researcher: run.created',
      'test-worker: step.started',
      'test-worker: run.started',
      'test-worker: collection.published',
    ]);
  });

  it('says that there is no such run', async () => {
    for (const id of [randomUUID(), 'nonsense']) {
      const { response, error } = await researcher.GET('/api/v1/runs/{id}', { params: { path: { id } } });
      expect([response.status, error?.type]).toEqual([404, 'urn:plumbline:not-found']);
    }
  });
});

describe('the report and the history of a run', () => {
  it('are served once they are there; the page cannot act as this site', async () => {
    const runId = await newRun(api);
    const auditor = api.as(await api.token('auditor'));
    for (const form of ['report.json', 'report.html', 'history']) {
      await auditor.get(`/api/v1/runs/${runId}/${form}`).expect(404);
    }
    const describe = async (content: string, mediaType: string) => ({
      id: await api.artifacts.put(Buffer.from(content)),
      kind: 'report',
      mediaType,
      bytes: content.length,
    });
    await setRunReport(api.database, {
      runId,
      json: await describe('{"kind":"report"}', 'application/json'),
      html: await describe('<!doctype html><p>report', 'text/html'),
      actor: WORKER,
    });
    await setRunStatus(api.database, { runId, status: 'completed', actor: WORKER });
    await setRunHistory(api.database, {
      runId,
      history: await describe('{"workflows":[]}', 'application/json'),
      actor: WORKER,
    });
    const page = await auditor.get(`/api/v1/runs/${runId}/report.html`).expect(200);
    expect(page.text).toBe('<!doctype html><p>report');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toMatch(/^sandbox allow-scripts; default-src 'none'/);
    expect((await auditor.get(`/api/v1/runs/${runId}/report.json`).expect(200)).body).toEqual({
      kind: 'report',
    });
    expect((await auditor.get(`/api/v1/runs/${runId}/history`).expect(200)).body).toEqual({ workflows: [] });
  });
});

describe('artifacts', () => {
  it('are given as bytes that match their id, to be saved and not run', async () => {
    const content = '<script>alert(1)</script>';
    const id = await api.artifacts.put(Buffer.from(content));
    const auditor = api.as(await api.token('auditor'));
    await auditor.get(`/api/v1/artifacts/${id}/content`).expect(404);
    await registerArtifacts(api.database, [
      { id, kind: 'test', mediaType: 'text/html', bytes: content.length },
    ]);
    const response = await auditor.get(`/api/v1/artifacts/${id}/content`).expect(200);
    expect(response.text).toBe(content);
    expect(response.headers['content-security-policy']).toBe(`sandbox; default-src 'none'`);
    expect(response.headers['content-disposition']).toBe(`attachment; filename="${id}"`);
    expect(response.headers['x-content-type-options']).toBe('nosniff');
  });
});
