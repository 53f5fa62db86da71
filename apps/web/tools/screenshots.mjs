#!/usr/bin/env node
/**
 * Takes the README's pictures from a running Plumbline (`npx plumbline up`) that has completed a run:
 * a run with its curves, its report, and the labeling page. Where nothing waits to be judged, a smoke run that waits for
 * people is started for the labeling page and cancelled afterwards.
 *
 *   node apps/web/tools/screenshots.mjs [--run ID] [--out docs/images] [--scheme light|dark]
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { environment } from '@plumbline/config';
import { runningApiUrl } from '@plumbline/services';
import { findChromium } from '@plumbline/testing';
import { chromium } from 'playwright-core';

const SIZE = { width: 1280, height: 800 };
const WAITING_TIMEOUT_MS = 5 * 60_000;

const { values } = parseArgs({
  options: {
    run: { type: 'string' },
    out: { type: 'string', default: 'docs/images' },
    scheme: { type: 'string', default: 'light' },
  },
});

const { root, home } = environment();
const out = resolve(root, values.out);
const url = await runningApiUrl(home);
if (url === null) fail('Plumbline is not running: `npx plumbline up` first');
const { accounts } = JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8'));

const browser = await chromium.launch({
  executablePath: await findChromium(),
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
try {
  mkdirSync(out, { recursive: true });
  const researcher = await signedIn('researcher');
  const run = values.run ?? (await newestCompletedRun(researcher));
  await picture(researcher, `/runs/${run}`, 'run.png', (page) => page.locator('figure svg').nth(3).waitFor());
  await picture(researcher, `/runs/${run}/report`, 'report.png', (page) =>
    page.frameLocator('iframe').locator('svg').first().waitFor(),
  );
  await labelingPicture(researcher);
} finally {
  await browser.close();
}

async function labelingPicture(researcher) {
  const labeler = await signedIn('labeler');
  const ready = (page) => page.getByTestId('task').waitFor();
  const { task } = await labeler.send('POST', '/labeling/tasks/next', {});
  if (task !== null) return picture(labeler, '/label', 'label.png', ready);
  const { runId } = await researcher.send('POST', '/runs', {
    preset: 'smoke',
    overrides: [
      { path: 'name', value: 'judged-by-people' },
      { path: 'collect.simulatedLabelers', value: null },
    ],
  });
  try {
    await untilWaiting(researcher, runId);
    await picture(labeler, '/label', 'label.png', ready);
  } finally {
    await researcher.send('POST', `/runs/${runId}/cancel`);
  }
}

async function untilWaiting(researcher, runId) {
  const deadline = Date.now() + WAITING_TIMEOUT_MS;
  for (;;) {
    const { status, error } = await researcher.send('GET', `/runs/${runId}`);
    if (status === 'waiting') return;
    if (status === 'failed' || Date.now() > deadline)
      fail(`run ${runId} does not wait for people: ${error ?? status}`);
    await new Promise((done) => setTimeout(done, 1000));
  }
}

async function newestCompletedRun(researcher) {
  const { items } = await researcher.send('GET', '/runs?limit=200');
  const run = items.find(({ status }) => status === 'completed');
  if (run === undefined) fail('no run is completed: `npm run demo` first');
  return run.runId;
}

async function picture({ context }, path, name, ready) {
  const page = await context.newPage();
  await page.goto(url + path);
  await ready(page);
  // Fonts and charts settle.
  await page.waitForTimeout(1000);
  const file = join(out, name);
  await page.screenshot({ path: file });
  await page.close();
  console.log(file);
}

async function signedIn(role) {
  const account = accounts.find((candidate) => candidate.role === role);
  const context = await browser.newContext({
    viewport: SIZE,
    deviceScaleFactor: 1.5,
    colorScheme: values.scheme,
    reducedMotion: 'reduce',
  });
  let csrfToken = '';
  const send = async (method, path, data) => {
    const headers = csrfToken === '' ? {} : { 'X-CSRF-Token': csrfToken };
    const answer = await context.request.fetch(`${url}/api/v1${path}`, { method, headers, data });
    if (!answer.ok()) fail(`${method} ${path}: ${answer.status()} ${await answer.text()}`);
    return answer.json();
  };
  ({ csrfToken } = await send('POST', '/auth/login', { email: account.email, password: account.password }));
  return { context, send };
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
