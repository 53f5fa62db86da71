import { randomUUID } from 'node:crypto';
import { createApiClient, type ApiClient, type Schemas } from '@plumbline/api-client';
import { query } from '@plumbline/database';
import { displayOrder } from '@plumbline/labeling';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectingRun } from '../../test-support/collecting-run.js';
import { startTestApi, type TestApi } from '../../test-support/test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.stop();
});

type Task = Schemas['TaskDto'];

async function labeler(): Promise<ApiClient> {
  return createApiClient({ baseUrl: api.url, token: await api.token('labeler') });
}

async function next(client: ApiClient, runId: string): Promise<Task | null> {
  const { data, error } = await client.POST('/api/v1/labeling/tasks/next', { body: { runId } });
  if (error !== undefined) throw new Error(JSON.stringify(error));
  return data.task;
}

function judge(
  client: ApiClient,
  slotId: string,
  body: Schemas['JudgementRequestDto'],
  key: string = randomUUID(),
) {
  return client.POST('/api/v1/labeling/slots/{slotId}/judgement', {
    params: { path: { slotId }, header: { 'Idempotency-Key': key } },
    body,
  });
}

function preferShownFirst(task: Task): Schemas['JudgementRequestDto'] {
  const [first, second] = task.responses;
  return { outcome: 'ranked', ranks: { [first!.id]: 1, [second!.id]: 2 }, durationMs: 900 };
}

describe('next', () => {
  it('shows the responses in an order that follows from seed, comparison and ordinal', async () => {
    const { runId } = await collectingRun(api, { comparisons: 24 });
    const client = await labeler();
    const seen = new Set<string>();
    for (let task = await next(client, runId); task !== null; task = await next(client, runId)) {
      const order = displayOrder(7, task.comparisonKey, task.ordinal, 2);
      const names = task.responses.map(({ text }) => text.split(' ')[0]);
      expect(names).toEqual(order.map((position) => ['first', 'second'][position]));
      expect(await next(client, runId)).toMatchObject({ slotId: task.slotId, responses: task.responses });
      expect(task.guideline).toEqual({ version: 1, text: 'Prefer the kinder one.' });
      seen.add(names.join());
      await judge(client, task.slotId, preferShownFirst(task));
    }
    expect(seen.size).toBe(2);
  });

  it('never gives a comparison to two of many labelers who ask at once', async () => {
    const { runId } = await collectingRun(api, { comparisons: 10 });
    const clients = await Promise.all(Array.from({ length: 12 }, labeler));
    const tasks = await Promise.all(clients.map((client) => next(client, runId)));
    const taken = tasks.flatMap((task) => (task === null ? [] : [task.comparisonId]));
    expect(taken.length).toBe(10);
    expect(new Set(taken).size).toBe(10);
  });
});

describe('a judgement', () => {
  it('is stored by the place of the responses in the set, whatever the order they were shown in', async () => {
    const { runId } = await collectingRun(api, { comparisons: 6 });
    const client = await labeler();
    for (let task = await next(client, runId); task !== null; task = await next(client, runId)) {
      const { response, data } = await judge(client, task.slotId, preferShownFirst(task));
      expect(response.status).toBe(201);
      const [stored] = await query<{ ranks: number[]; displayed_order: number[]; duration_ms: number }>(
        api.database,
        `SELECT ranks, displayed_order, duration_ms FROM judgements WHERE id = $1`,
        [data?.judgementId],
      );
      const shown = task.responses.map(({ text }) => (text.startsWith('first') ? 0 : 1));
      expect(stored).toEqual({
        ranks: shown[0] === 0 ? [1, 2] : [2, 1],
        displayed_order: shown,
        duration_ms: 900,
      });
    }
  });

  it('counts, answers a repetition the same, and refuses another body under its key', async () => {
    const { runId } = await collectingRun(api);
    const client = await labeler();
    const task = (await next(client, runId))!;
    const first = await judge(client, task.slotId, preferShownFirst(task), 'key');
    expect(first.data?.progress).toEqual({ judgedByMe: 1, judged: 1, required: 3 });
    const again = await judge(client, task.slotId, preferShownFirst(task), 'key');
    expect([again.response.status, again.data]).toEqual([201, first.data]);
    const other = await judge(client, task.slotId, { outcome: 'tie', durationMs: 900 }, 'key');
    expect([other.response.status, other.error?.type]).toEqual([409, 'urn:plumbline:idempotency-key-reused']);
    expect(other.response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const late = await judge(client, task.slotId, { outcome: 'tie', durationMs: 900 });
    expect([late.response.status, late.error?.type]).toEqual([409, 'urn:plumbline:lease-lost']);
    const { data: progress } = await client.GET('/api/v1/labeling/progress', {
      params: { query: { runId } },
    });
    expect(progress).toEqual({ judgedByMe: 1, judged: 1, required: 3 });
  });

  it('is refused for a comparison that somebody else holds', async () => {
    const { runId } = await collectingRun(api);
    const [holder, other] = [await labeler(), await labeler()];
    const task = (await next(holder, runId))!;
    const { response, error } = await judge(other, task.slotId, preferShownFirst(task));
    expect([response.status, error?.type]).toEqual([409, 'urn:plumbline:lease-lost']);
  });

  it('is refused, with the field at fault, when it does not fit; the comparison stays to be judged', async () => {
    const { runId } = await collectingRun(api);
    const client = await labeler();
    const task = (await next(client, runId))!;
    const [a, b] = task.responses.map(({ id }) => id) as [string, string];
    const stranger = randomUUID();
    const wrong: [Schemas['JudgementRequestDto'], string][] = [
      [{ outcome: 'ranked', durationMs: 1 }, 'ranks'],
      [{ outcome: 'tie', ranks: { [a]: 1, [b]: 2 }, durationMs: 1 }, 'ranks'],
      [{ outcome: 'ranked', ranks: { [a]: 1 }, durationMs: 1 }, `ranks.${b}`],
      [{ outcome: 'ranked', ranks: { [a]: 1, [b]: 3 }, durationMs: 1 }, `ranks.${b}`],
      [{ outcome: 'ranked', ranks: { [a]: 1, [b]: 2, [stranger]: 1 }, durationMs: 1 }, `ranks.${stranger}`],
      [{ outcome: 'tie', durationMs: -1 }, 'durationMs'],
      [{ outcome: 'best' as 'tie', durationMs: 1 }, 'outcome'],
      [{ outcome: 'tie', durationMs: 1, labeler: 'me' } as Schemas['JudgementRequestDto'], 'labeler'],
    ];
    for (const [body, path] of wrong) {
      const { response, error } = await judge(client, task.slotId, body);
      expect(response.status).toBe(422);
      expect(error?.errors?.map((problem) => problem.path)).toEqual([path]);
    }
    const unkeyed = await api
      .as(await api.token('labeler'))
      .post(`/api/v1/labeling/slots/${task.slotId}/judgement`)
      .send({ outcome: 'tie', durationMs: 1 });
    expect(unkeyed.body).toMatchObject({ status: 422, errors: [{ path: 'Idempotency-Key' }] });
    expect((await next(client, runId))?.slotId).toBe(task.slotId);
  });
});

describe('a skip', () => {
  it('gives the comparison to somebody else, under the next ordinal', async () => {
    const { runId } = await collectingRun(api, { comparisons: 1 });
    const [first, second] = [await labeler(), await labeler()];
    const task = (await next(first, runId))!;
    const skip = () =>
      first.POST('/api/v1/labeling/slots/{slotId}/skip', {
        params: { path: { slotId: task.slotId }, header: { 'Idempotency-Key': 'skip' } },
        body: { reason: 'unreadable' },
      });
    const answer = await skip();
    expect([answer.response.status, answer.data?.progress]).toEqual([
      201,
      { judgedByMe: 0, judged: 0, required: 1 },
    ]);
    expect((await skip()).data).toEqual(answer.data);
    expect(await next(first, runId)).toBeNull();
    expect(await next(second, runId)).toMatchObject({ comparisonId: task.comparisonId, ordinal: 1 });
  });
});

describe('simulated labelers', () => {
  it('take over at once what earlier ones held when they died', async () => {
    const { runId } = await collectingRun(api, { comparisons: 2, audience: 'simulated' });
    const researcher = createApiClient({ baseUrl: api.url, token: await api.token('researcher') });
    const hire = async () => {
      const { data } = await researcher.POST('/api/v1/runs/{id}/simulated-labelers', {
        params: { path: { id: runId } },
        body: { count: 1 },
      });
      return createApiClient({ baseUrl: api.url, token: data!.labelers[0]!.token });
    };
    const dead = await hire();
    const held = (await next(dead, runId))!;
    const successor = await hire();
    const judged: string[] = [];
    for (let task = await next(successor, runId); task !== null; task = await next(successor, runId)) {
      judged.push(task.comparisonId);
      await judge(successor, task.slotId, preferShownFirst(task));
    }
    expect(judged.length).toBe(2);
    expect(judged).toContain(held.comparisonId);
    expect((await judge(dead, held.slotId, preferShownFirst(held))).response.status).toBe(409);
  });

  it('label their run with tokens that are good for nothing else', async () => {
    const [mine, other] = [await collectingRun(api, { audience: 'simulated' }), await collectingRun(api)];
    const researcher = createApiClient({ baseUrl: api.url, token: await api.token('researcher') });
    const created = await researcher.POST('/api/v1/runs/{id}/simulated-labelers', {
      params: { path: { id: mine.runId } },
      body: { count: 2 },
    });
    expect(created.response.status).toBe(201);
    expect(created.data?.labelers.map(({ name }) => name)).toEqual(['simulated-1', 'simulated-2']);
    const token = created.data!.labelers[0]!.token;
    const simulated = createApiClient({ baseUrl: api.url, token });

    const unasked = await simulated.POST('/api/v1/labeling/tasks/next', { body: {} });
    expect(unasked.data?.task?.runId).toBe(mine.runId);
    const elsewhere = await simulated.POST('/api/v1/labeling/tasks/next', { body: { runId: other.runId } });
    expect(elsewhere.response.status).toBe(403);
    const slot = (await next(await labeler(), other.runId))!.slotId;
    expect((await judge(simulated, slot, { outcome: 'tie', durationMs: 1 })).response.status).toBe(409);
    for (const path of ['/api/v1/runs', `/api/v1/runs/${mine.runId}`, '/api/v1/users', '/api/v1/presets']) {
      await api.as(token).get(path).expect(403);
    }
    const stored = await query<{ kind: string }>(
      api.database,
      `SELECT l.kind FROM slots s JOIN labelers l ON l.id = s.labeler_id WHERE s.id = $1`,
      [unasked.data?.task?.slotId],
    );
    expect(stored).toEqual([{ kind: 'simulated' }]);
  });
});
