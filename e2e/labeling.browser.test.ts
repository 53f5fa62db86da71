import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeByKeyboard, signIn } from '../apps/web/test-support/actions.js';
import { launchChromium } from '../apps/web/test-support/browser.js';
import { expectCompleted, Installation } from './support/installation.js';
import { TINY } from './support/tiny-configuration.js';

/** The same pipeline, but people judge. */
const { simulatedLabelers: _, ...collectFromPeople } = TINY.collect;
const COMPARISONS = 12;
const WAITING = {
  ...TINY,
  name: 'waits for people',
  pretrain: { ...TINY.pretrain, tokens: 20_000 },
  sample: { ...TINY.sample, comparisons: COMPARISONS, heldOut: 4 },
  collect: collectFromPeople,
};

let installation: Installation;
let browser: Browser | undefined;
beforeAll(async () => {
  installation = await Installation.create();
  expect((await installation.run('up')).code).toBe(0);
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await installation.remove();
});

const account = (role: string) => installation.credentials().find((candidate) => candidate.role === role)!;

describe('a run that waits for people', () => {
  it('goes on when a labeler has judged everything by keyboard', async () => {
    const runId = await installation.start(WAITING);
    await installation.until(runId, ({ status }) => status === 'waiting');

    const page = await (await browser!.newContext()).newPage();
    await signIn(page, account('labeler'), await installation.apiUrl());
    const half = await judgeByKeyboard(page, COMPARISONS / 2);
    expect(half).toHaveLength(COMPARISONS / 2);
    expect((await installation.show(runId)).status).toBe('waiting');

    await judgeByKeyboard(page, COMPARISONS);
    expectCompleted(await installation.completed(runId));
  });

  it('shows an auditor the run, its events and its archived history, and nothing to change', async () => {
    const [{ runId }] = await installation.json<[{ runId: string }]>('run', 'list');
    const url = await installation.apiUrl();
    const page = await (await browser!.newContext()).newPage();
    await signIn(page, account('auditor'), url);
    await page.goto(`${url}/runs/${runId}`);
    await page.getByRole('heading', { name: WAITING.name }).waitFor();
    for (const name of [/^pause/i, /^cancel/i, /^start/i]) {
      expect(await page.getByRole('button', { name }).count()).toBe(0);
    }
    const read = (path: string) =>
      page.evaluate(async (target) => (await fetch(target)).status, `/api/v1/runs/${runId}${path}`);
    for (const path of ['', '/metrics', '/events', '/report.json', '/report.html']) {
      expect([path, await read(path)]).toEqual([path, 200]);
    }
    await expect.poll(() => read('/history'), { timeout: 30_000 }).toBe(200);
    const refused = await page.evaluate(async (target) => {
      const { csrfToken } = (await (await fetch('/api/v1/auth/session')).json()) as { csrfToken: string };
      return (await fetch(target, { method: 'POST', headers: { 'X-CSRF-Token': csrfToken } })).status;
    }, `/api/v1/runs/${runId}/cancel`);
    expect(refused).toBe(403);
  });
});
