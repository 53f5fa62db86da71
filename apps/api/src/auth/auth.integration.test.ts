import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDataSource, query } from '@plumbline/database';
import { PASSWORD, startTestApi, type TestApi } from '../../test-support/test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.stop();
});

interface SignedIn {
  readonly agent: ReturnType<typeof request.agent>;
  readonly csrfToken: string;
}

async function signIn(email: string): Promise<SignedIn> {
  const agent = request.agent(api.url);
  const response = await agent.post('/api/v1/auth/login').send({ email, password: PASSWORD }).expect(200);
  return { agent, csrfToken: (response.body as { csrfToken: string }).csrfToken };
}

describe('signing in', () => {
  it('sets a session cookie that scripts cannot read and other sites cannot use', async () => {
    const { id, email } = await api.user('labeler');
    const response = await request(api.url)
      .post('/api/v1/auth/login')
      .send({ email: email.toUpperCase(), password: PASSWORD })
      .expect(200);
    expect(response.body).toEqual({
      user: { id, email, displayName: 'A labeler', role: 'labeler' },
      csrfToken: expect.stringMatching(/^[\w-]{43}$/) as string,
    });
    expect(response.headers['set-cookie']?.[0]).toMatch(
      /^plumbline_session=[\w-]{43}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    );
  });

  it('keeps neither passwords nor tokens in the database', async () => {
    const { email } = await api.user('labeler');
    const response = await request(api.url).post('/api/v1/auth/login').send({ email, password: PASSWORD });
    const token = /plumbline_session=([\w-]+)/.exec(response.headers['set-cookie']?.[0] ?? '')?.[1];
    const [row] = await query<{ password_hash: string; sessions: string }>(
      api.database,
      `SELECT password_hash, (SELECT string_agg(s::text, ',') FROM sessions s) AS sessions FROM users WHERE email = $1`,
      [email],
    );
    expect(row?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(token).toBeDefined();
    expect(row?.sessions).not.toContain(token);
  });

  it.each([
    ['a wrong password', (email: string) => ({ email, password: 'wrong' })],
    ['an unknown address', () => ({ email: 'nobody@example.org', password: PASSWORD })],
  ])('refuses %s with the same words', async (_, body) => {
    const { email } = await api.user('labeler');
    const response = await request(api.url).post('/api/v1/auth/login').send(body(email)).expect(401);
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(response.body).toEqual({
      type: 'urn:plumbline:wrong-credentials',
      title: 'The e-mail address or the password is wrong',
      status: 401,
      detail: 'no account has this e-mail address and password',
    });
  });

  it('slows down guessing, account by account', async () => {
    const [guessed, other] = [await api.user('labeler'), await api.user('labeler')];
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const response = await request(api.url)
        .post('/api/v1/auth/login')
        .send({ email: guessed.email, password: `guess ${attempt}` });
      statuses.push(response.status);
    }
    expect(statuses).toEqual([...Array<number>(10).fill(401), 429, 429]);
    await signIn(other.email);
  });

  it('names what is wrong with a request', async () => {
    const response = await request(api.url)
      .post('/api/v1/auth/login')
      .send({ email: 'a@b.c', extra: 1 })
      .expect(422);
    expect(response.body).toMatchObject({
      status: 422,
      errors: expect.arrayContaining([
        { path: 'extra', message: 'unknown key' },
        { path: 'password', message: 'must be a string' },
      ]) as unknown,
    });
    const broken = await request(api.url)
      .post('/api/v1/auth/login')
      .set('content-type', 'application/json')
      .send('{"email":')
      .expect(400);
    expect(broken.headers['content-type']).toMatch(/^application\/problem\+json/);
  });
});

describe('a session', () => {
  it('tells who is signed in, until they sign out', async () => {
    const { email } = await api.user('auditor');
    const { agent, csrfToken } = await signIn(email);
    const session = await agent.get('/api/v1/auth/session').expect(200);
    expect(session.body).toMatchObject({ user: { email, role: 'auditor' }, csrfToken });
    const stolen = (session.request as unknown as { cookies: string }).cookies;
    await agent.post('/api/v1/auth/logout').set('X-CSRF-Token', csrfToken).expect(204);
    await agent.get('/api/v1/auth/session').expect(401);
    await request(api.url).get('/api/v1/auth/session').set('Cookie', stolen).expect(401);
  });

  it('expires', async () => {
    const { id, email } = await api.user('labeler');
    const { agent } = await signIn(email);
    const owner = await createDataSource({ url: api.ownerUrl }).initialize();
    await query(
      owner,
      `UPDATE sessions SET created_at = now() - interval '2 days', expires_at = now() - interval '1 second'
        WHERE user_id = $1`,
      [id],
    );
    await owner.destroy();
    await agent.get('/api/v1/auth/session').expect(401);
  });

  it('writes only with its CSRF token', async () => {
    const [first, second] = [await api.user('labeler'), await api.user('labeler')];
    const { agent, csrfToken } = await signIn(first.email);
    const foreign = (await signIn(second.email)).csrfToken;
    for (const shown of [undefined, 'x', foreign]) {
      const attempt = agent.post('/api/v1/labeling/tasks/next').send({});
      const response = await (shown === undefined ? attempt : attempt.set('X-CSRF-Token', shown)).expect(403);
      expect((response.body as { type: string }).type).toBe('urn:plumbline:csrf');
    }
    await agent.post('/api/v1/labeling/tasks/next').set('X-CSRF-Token', csrfToken).send({}).expect(200);
  });

  it('is not needed by programs, which show a bearer token and no CSRF token', async () => {
    const token = await api.token('labeler');
    await api.as(token).post('/api/v1/labeling/tasks/next').send({}).expect(200);
    await api.as('unknown').post('/api/v1/labeling/tasks/next').send({}).expect(401);
    await request(api.url).post('/api/v1/labeling/tasks/next').send({}).expect(401);
  });
});
