import { ROLES, type Role } from '@plumbline/contracts';
import { setRunStatus } from '@plumbline/database';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newRun, WORKER } from '../test-support/collecting-run.js';
import { startTestApi, type TestApi } from '../test-support/test-api.js';

let api: TestApi;
let runId: string;
const tokens = {} as Record<Role, string>;
beforeAll(async () => {
  api = await startTestApi();
  runId = await newRun(api);
  // A run that is over: whoever gets past the roles is told so.
  await setRunStatus(api.database, { runId, status: 'cancelled', actor: WORKER });
  for (const role of ROLES) tokens[role] = await api.token(role);
});
afterAll(async () => {
  await api.stop();
});

const READ = ['lead', 'researcher', 'auditor', 'admin'] as const;
const WRITE = ['researcher', 'admin'] as const;
const LABEL = ['labeler', 'lead', 'admin'] as const;

/** Who gets past the roles; what the route says then (404, 422, …) is its own matter. */
const ROUTES: readonly [method: 'get' | 'post', path: string, allowed: readonly Role[]][] = [
  ['post', '/labeling/tasks/next', LABEL],
  ['get', '/labeling/progress', LABEL],
  ['post', '/labeling/slots/RUN/judgement', LABEL],
  ['post', '/labeling/slots/RUN/skip', LABEL],
  ['get', '/runs', READ],
  ['post', '/runs', WRITE],
  ['get', '/runs/RUN', READ],
  ['get', '/runs/RUN/metrics', READ],
  ['get', '/runs/RUN/events', READ],
  ['get', '/runs/RUN/report.json', READ],
  ['get', '/runs/RUN/report.html', READ],
  ['get', '/runs/RUN/history', READ],
  ['post', '/runs/RUN/pause', WRITE],
  ['post', '/runs/RUN/resume', WRITE],
  ['post', '/runs/RUN/cancel', WRITE],
  ['post', '/runs/RUN/fork', WRITE],
  ['post', '/runs/RUN/simulated-labelers', WRITE],
  ['get', '/artifacts/none', READ],
  ['get', '/artifacts/none/content', READ],
  ['get', '/presets', READ],
  ['get', '/users', ['admin', 'auditor']],
  ['post', '/users', ['admin']],
];

describe.each(ROUTES)('%s %s', (method, path, allowed) => {
  it(`is for ${allowed.join(', ')}`, async () => {
    const target = `/api/v1${path.replace('RUN', runId)}`;
    for (const role of ROLES) {
      const response = await api
        .as(tokens[role])
        [method](target)
        .send(method === 'post' ? { unknown: 1 } : undefined);
      if (allowed.includes(role)) expect([role, response.status]).not.toEqual([role, 403]);
      else expect([role, response.status]).toEqual([role, 403]);
      expect(response.status).toBeLessThan(500);
    }
    expect((await api.as('stranger')[method](target)).status).toBe(401);
  });
});

it('an auditor changes nothing: no route that writes lets one in', () => {
  const writing = ROUTES.filter(([method]) => method === 'post');
  expect(writing.flatMap(([, , allowed]) => allowed)).not.toContain('auditor');
});

describe('people', () => {
  it('are added by an admin, and sign in', async () => {
    const password = 'a long enough password';
    const user = { email: 'New.Person@example.org', displayName: 'New Person', role: 'labeler', password };
    const created = await api.as(tokens.admin).post('/api/v1/users').send(user).expect(201);
    expect(created.body).toMatchObject({ email: 'new.person@example.org', role: 'labeler' });
    expect(created.body).not.toHaveProperty('password');
    await api.as(tokens.admin).post('/api/v1/users').send(user).expect(409);
    await api.as('').post('/api/v1/auth/login').send({ email: user.email, password }).expect(200);
    const listed = await api.as(tokens.auditor).get('/api/v1/users').expect(200);
    expect((listed.body as { items: { email: string }[] }).items.map(({ email }) => email)).toContain(
      'new.person@example.org',
    );
  });

  it('are refused with a short password or a role there is not', async () => {
    const response = await api
      .as(tokens.admin)
      .post('/api/v1/users')
      .send({ email: 'x', displayName: '', role: 'owner', password: 'short' })
      .expect(422);
    const paths = (response.body as { errors: { path: string }[] }).errors.map(({ path }) => path);
    expect([...new Set(paths)].sort()).toEqual(['displayName', 'email', 'password', 'role']);
  });
});
