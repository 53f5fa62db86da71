import { describe, expect, it } from 'vitest';
import { createApiClient, type ApiClientOptions } from './client.js';

/** A client whose requests are kept and answered with `{}`. */
function recording(options: Omit<ApiClientOptions, 'baseUrl' | 'fetch'>) {
  const requests: Request[] = [];
  const client = createApiClient({
    baseUrl: 'http://api.test/',
    ...options,
    fetch: (request) => {
      requests.push(request);
      return Promise.resolve(Response.json({}));
    },
  });
  return { client, requests };
}

describe('createApiClient', () => {
  it('shows a program’s token, and fills in paths and queries', async () => {
    const { client, requests } = recording({ token: 'secret' });
    await client.GET('/api/v1/runs/{id}/metrics', {
      params: { path: { id: 'a b' }, query: { step: 'reward' } },
    });
    expect(requests[0]?.url).toBe('http://api.test/api/v1/runs/a%20b/metrics?step=reward');
    expect(requests[0]?.headers.get('authorization')).toBe('Bearer secret');
    expect(requests[0]?.headers.has('x-csrf-token')).toBe(false);
  });

  it('shows the CSRF token of the moment with a browser’s writes, and with nothing else', async () => {
    let token: string | null = null;
    const { client, requests } = recording({ csrfToken: () => token });
    const login = () => client.POST('/api/v1/auth/login', { body: { email: 'a@b', password: 'c' } });
    await login();
    token = 'first';
    await login();
    token = 'second';
    await client.POST('/api/v1/auth/logout');
    await client.GET('/api/v1/auth/session');
    expect(requests.map(({ headers }) => headers.get('x-csrf-token'))).toEqual([
      null,
      'first',
      'second',
      null,
    ]);
    expect(requests.some(({ headers }) => headers.has('authorization'))).toBe(false);
  });

  it('gives problems as values', async () => {
    const problem = { type: 'urn:plumbline:not-found', title: 'x', status: 404, detail: 'y' };
    const client = createApiClient({
      baseUrl: 'http://api.test',
      fetch: () =>
        Promise.resolve(
          new Response(JSON.stringify(problem), {
            status: 404,
            headers: { 'content-type': 'application/problem+json' },
          }),
        ),
    });
    const { data, error } = await client.GET('/api/v1/runs/{id}', { params: { path: { id: 'x' } } });
    expect(data).toBeUndefined();
    expect(error).toEqual(problem);
  });
});
