import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestApplication, type TestApplication } from '../test-support/application.js';
import { launchChromium } from '../test-support/browser.js';
import { seedShowcase, type Showcase } from '../test-support/showcase.js';
import { signedInContext } from '../test-support/signed-in.js';

let app: TestApplication;
let browser: Browser;
let runs: Showcase;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  app = await startTestApplication();
  browser = await launchChromium();
  runs = await seedShowcase(app);
});
afterAll(async () => {
  await browser?.close();
  await app?.stop();
});
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close();
});

async function open(role: keyof TestApplication['accounts'], path: string): Promise<Page> {
  const context = await signedInContext(browser, app.url, app.accounts[role], {
    viewport: { width: 1440, height: 900 },
  });
  contexts.push(context);
  const page = await context.newPage();
  await page.goto(app.url + path);
  return page;
}

describe('a researcher', () => {
  it('starts on the list of runs and opens one of them', async () => {
    const page = await open('researcher', '/');
    const row = page.getByRole('row').filter({ hasText: 'sotu-positive-2' });
    await row.getByText('Running').waitFor();
    await row.getByText('88 of 160 updates').waitFor();
    expect(await page.getByRole('row').filter({ hasText: 'too-wide' }).textContent()).toContain('Failed');
    await page.getByRole('link', { name: 'sotu-positive-2' }).click();
    await page.getByRole('heading', { name: 'sotu-positive-2' }).waitFor();
    expect(new URL(page.url()).pathname).toBe(`/runs/${runs.running}`);
  });

  it('sees steps with their inputs and outputs by hash, and the content behind a hash', async () => {
    const page = await open('researcher', `/runs/${runs.completed}`);
    const steps = page.getByRole('region', { name: 'Steps' }).getByRole('listitem');
    await steps.first().waitFor();
    const outputs: Record<string, string>[] = await app.database.query(
      `SELECT a.name, a.artifact_id FROM step_artifacts a JOIN steps s ON s.id = a.step_id
        WHERE s.run_id = $1 AND s.name = 'reward' AND a.direction = 'output'`,
      [runs.completed],
    );
    const hash = outputs[0]!['artifact_id']!;
    const reward = steps.filter({ has: page.getByText('Reward model', { exact: true }) });
    const link = reward.getByRole('link', { name: `Open reward ${hash.slice(0, 10)}` });
    expect(await link.getAttribute('href')).toBe(`/api/v1/artifacts/${hash}/content`);
    const content = await page.request.get(`${app.url}/api/v1/artifacts/${hash}/content`);
    expect(await content.json()).toMatchObject({ kind: 'reward' });
    await reward.getByRole('button', { name: /checkpoints/ }).click();
    await reward.getByRole('row').nth(4).waitFor();
  });

  it('watches curves move while a run is active', async () => {
    const page = await open('researcher', `/runs/${runs.running}`);
    const chart = page.getByRole('img', { name: /^KL to the reference policy of Optimise/ });
    await chart.waitFor();
    expect(await chart.locator('svg path').count()).toBeGreaterThan(0);
    await app.database.query(
      `INSERT INTO metrics (step_id, name, index, value)
       SELECT id, 'objective/kl', 5000, 123.25 FROM steps WHERE run_id = $1 AND name = 'optimise'`,
      [runs.running],
    );
    await page.getByRole('img', { name: /123\.3 at last/ }).waitFor({ timeout: 10_000 });
  });

  it('reads the record: who did what, and when', async () => {
    const page = await open('researcher', `/runs/${runs.completed}`);
    await page.getByRole('tab', { name: 'Events' }).click();
    const created = page.getByRole('row').filter({ hasText: 'run.created' });
    await created.getByText('Rosa Researcher').waitFor();
    await created.locator('summary').click();
    await created.getByText('"preset": "smoke"').waitFor();
  });

  it('reads the configuration with its hash, and where the run came from', async () => {
    const page = await open('researcher', `/runs/${runs.completed}/configuration`);
    await page.getByText('kl.target').waitFor();
    const [run]: { configuration_hash: string }[] = await app.database.query(
      `SELECT configuration_hash FROM runs WHERE id = $1`,
      [runs.completed],
    );
    await page.getByText(run!.configuration_hash.slice(0, 10)).waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download' }).click();
    expect((await download).suggestedFilename()).toContain(runs.completed);
  });

  it('reads the report in a frame that draws itself but is cut off from the app', async () => {
    const page = await open('researcher', `/runs/${runs.completed}/report`);
    const report = page.frameLocator('iframe');
    await report.getByRole('heading', { name: 'Report of the run' }).waitFor();
    await report.getByText('drawn by its own script').waitFor();
    const frame = page.frames().find((candidate) => candidate !== page.mainFrame())!;
    expect(await frame.evaluate('self.origin')).toBe('null');
  });

  it('is told by key what is wrong with a configuration, and then starts the run', async () => {
    const page = await open('researcher', '/runs');
    await page.getByRole('button', { name: 'Start a run' }).click();
    const dialog = page.getByRole('dialog', { name: 'Start a run' });
    await dialog.getByRole('radio', { name: /smoke/ }).click();
    await dialog.getByLabel('Name').fill('started from the page');
    await dialog.getByRole('button', { name: 'Override a key' }).click();
    await dialog.getByLabel('Key 1').fill('model.width');
    await dialog.getByLabel('Value 1').fill('33');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await dialog
      .getByText(/divisible/)
      .first()
      .waitFor();
    await dialog.getByRole('button', { name: 'Remove override 1' }).click();
    await dialog.getByLabel('People: the run waits for them').click();
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('heading', { name: 'started from the page' }).waitFor();
    const runId = new URL(page.url()).pathname.split('/').at(-1);
    const [run]: { name: string; configuration: { collect: Record<string, unknown> } }[] =
      await app.database.query(`SELECT name, configuration FROM runs WHERE id = $1`, [runId]);
    expect(run?.name).toBe('started from the page');
    expect(run?.configuration.collect).not.toHaveProperty('simulatedLabelers');
  });

  it('is asked before a run is cancelled, and told when it cannot be paused', async () => {
    const page = await open('researcher', `/runs/${runs.running}`);
    // The seeded run has no workflow behind it: nothing can pause it.
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('The run was not paused').waitFor({ timeout: 20_000 });
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: /^Cancel/ });
    await dialog.getByRole('button', { name: 'Keep it running' }).click();
    await dialog.waitFor({ state: 'hidden' });
    expect(await page.getByText('Cancelled').count()).toBe(0);
  });
});

describe('an auditor', () => {
  it('reads everything and finds nothing to change', async () => {
    const page = await open('auditor', `/runs/${runs.running}`);
    await page.getByRole('heading', { name: 'sotu-positive-2' }).waitFor();
    for (const tab of ['Events', 'Configuration', 'Report', 'Steps']) {
      await page.getByRole('tab', { name: tab }).click();
      expect(await page.getByRole('button', { name: /^(Pause|Resume|Cancel|Start)/ }).count()).toBe(0);
    }
    await page.goto(`${app.url}/runs`);
    await page.getByRole('link', { name: 'too-wide' }).waitFor();
    expect(await page.getByRole('button', { name: 'Start a run' }).count()).toBe(0);
    expect(await page.getByRole('link', { name: 'Label' }).count()).toBe(0);
  });
});

describe('a labeler', () => {
  it('has no way to the runs', async () => {
    const page = await open('labeler', `/runs/${runs.completed}`);
    await page.getByRole('heading', { name: 'This page is not for your role' }).waitFor();
    expect((await page.request.get(`${app.url}/api/v1/runs/${runs.completed}`)).status()).toBe(403);
  });
});

describe('a lead', () => {
  it('sees what a waiting run waits for and goes to judge', async () => {
    const page = await open('lead', `/runs/${runs.waiting}`);
    await page.getByText('3 of 3 judgements are still missing').waitFor();
    await page.getByRole('link', { name: 'Judge now' }).click();
    await page.getByTestId('task').waitFor();
  });
});

describe('the app itself', () => {
  it('says where nothing is, and what an unknown run is', async () => {
    const page = await open('researcher', '/nowhere');
    await page.getByRole('heading', { name: 'There is no page here' }).waitFor();
    await page.goto(`${app.url}/runs/00000000-0000-4000-8000-000000000000`);
    await page.getByText('There is no such run').waitFor();
  });

  it('remembers the chosen appearance and signs out', async () => {
    const page = await open('admin', '/runs');
    const scheme = () => page.locator('html').getAttribute('data-mantine-color-scheme');
    await page.getByRole('button', { name: /^Account of/ }).click();
    await page.getByText('Dark', { exact: true }).click();
    await expect.poll(scheme).toBe('dark');
    await page.reload();
    expect(await scheme()).toBe('dark');
    await page.getByRole('button', { name: /^Account of/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in to Plumbline' }).waitFor();
    expect((await page.request.get(`${app.url}/api/v1/auth/session`)).status()).toBe(401);
  });
});
