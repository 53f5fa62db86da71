import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import request from 'supertest';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../test-support/test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.stop();
});

const get = (path: string) => request(api.url).get(path);

it('says how to build the web app when it is not there', async () => {
  const response = await get('/runs/1').expect(503);
  expect(response.headers['content-type']).toMatch(/^text\/html/);
  expect(response.text).toContain('npm run build');
});

it('serves the built app: files as they are, its page for every other path, and leaves the API alone', async () => {
  await mkdir(join(api.webDirectory, 'assets'), { recursive: true });
  await writeFile(join(api.webDirectory, 'index.html'), '<!doctype html><p>page');
  await writeFile(join(api.webDirectory, 'assets', 'app-1a2b.js'), 'export {};');
  for (const path of ['/', '/label', '/runs/1?x=2']) {
    const page = await get(path).expect(200);
    expect(page.text).toBe('<!doctype html><p>page');
    expect(page.headers['cache-control']).toBe('no-cache');
    expect(page.headers['content-security-policy']).toContain(`script-src 'self'`);
  }
  const script = await get('/assets/app-1a2b.js').expect(200);
  expect(script.headers['cache-control']).toBe('public, max-age=31536000, immutable');
  const unknown = await get('/api/v1/nothing').expect(404);
  expect(unknown.headers['content-type']).toMatch(/^application\/problem\+json/);
  await get('/api/v1/health').expect(200, { status: 'ok' });
});

it('describes itself', async () => {
  const document = await get('/docs/openapi.json').expect(200);
  expect(Object.keys((document.body as { paths: object }).paths)).toContain('/api/v1/labeling/tasks/next');
  expect((await get('/docs').expect(200)).text).toContain('swagger-ui');
});
