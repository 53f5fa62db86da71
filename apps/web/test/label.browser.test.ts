import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { judgeByKeyboard, shownTask, signIn } from '../test-support/actions.js';
import { startTestApplication, type TestApplication } from '../test-support/application.js';
import { launchChromium } from '../test-support/browser.js';
import { judgementsOf } from '../test-support/judgements.js';
import { Seed } from '../test-support/seed.js';
import { signedInContext } from '../test-support/signed-in.js';

let app: TestApplication;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let runs = 0;
const VIEW = { viewport: { width: 1280, height: 800 } };

beforeAll(async () => {
  app = await startTestApplication();
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await app?.stop();
});
beforeEach(async () => {
  context = await signedInContext(browser, app.url, app.accounts.labeler, VIEW);
  page = await context.newPage();
});
afterEach(async () => {
  await context.close();
  // What a test left unjudged must not reach the next one.
  await app.database.query(`UPDATE collections SET frozen_at = now() WHERE frozen_at IS NULL`);
});

/** A run that waits for people to judge `count` comparisons. */
async function waitingRun(
  count: number,
  textOf: (index: number, side: string) => string = (index, side) => ` ${side} of ${String(index)}`,
): Promise<string> {
  runs += 1;
  const seed = new Seed(app.database, app.artifacts, app.accounts.researcher.id);
  const runId = await seed.run(`waiting ${String(runs)}`);
  await seed.collect(
    runId,
    Array.from({ length: count }, (_, index) => ({
      prompt: `In run ${String(runs)}, prompt ${String(index)}, it was`,
      responses: [textOf(index, 'left'), textOf(index, 'right')] as const,
    })),
  );
  return runId;
}

const text = (name: string) => page.getByText(name, { exact: false });

describe('labeling by keyboard', () => {
  it('signs in, judges everything by keys, and stores what was chosen on the screen', async () => {
    const runId = await waitingRun(7);
    await context.clearCookies();
    await signIn(page, app.accounts.labeler, app.url);
    expect(new URL(page.url()).pathname).toBe('/label');
    const keys = ['1', 'a', '2', 'B', 't', 'n', '1'];
    const judged = await judgeByKeyboard(page, 10, (_, index) => keys[index]!);
    expect(judged).toHaveLength(7);
    await page.getByRole('heading', { name: 'Nothing to judge right now' }).waitFor();

    const stored = await judgementsOf(app.database, runId);
    const expected = judged.map(({ slotId, responses: [first, second] }, index) => {
      const key = keys[index]!.toLowerCase();
      if (key === 't') return { slotId, outcome: 'tie', best: null };
      if (key === 'n') return { slotId, outcome: 'both_bad', best: null };
      return { slotId, outcome: 'ranked', best: key === '1' || key === 'a' ? first : second };
    });
    expect(stored.map(({ slotId, outcome, best }) => ({ slotId, outcome, best }))).toEqual(expected);
    for (const { durationMs } of stored) expect(durationMs).toBeGreaterThanOrEqual(0);
  });

  it('shows how far it is, and finds new work by itself when all is judged', async () => {
    await waitingRun(2);
    await page.goto(`${app.url}/label`);
    await shownTask(page);
    const before = Number(await page.getByTestId('judged-by-me').textContent());
    await judgeByKeyboard(page, 1);
    await expect.poll(() => page.getByTestId('judged-by-me').textContent()).toBe(String(before + 1));
    await text('1 of 2').waitFor();
    await judgeByKeyboard(page, 1);
    await page.getByRole('heading', { name: 'Nothing to judge right now' }).waitFor();
    await waitingRun(1);
    await page.getByTestId('task').waitFor({ timeout: 15_000 });
  });

  it('skips, without counting it as a judgement', async () => {
    const runId = await waitingRun(2);
    await page.goto(`${app.url}/label`);
    const [skipped] = await judgeByKeyboard(page, 1, () => 's');
    const next = await shownTask(page);
    expect(next?.slotId).not.toBe(skipped?.slotId);
    expect((await judgementsOf(app.database, runId)).map(({ outcome }) => outcome)).toEqual(['skipped']);
    await text('0 of 2').waitFor();
  });

  it('explains its keys, and judges nothing while it does', async () => {
    const runId = await waitingRun(1);
    await page.goto(`${app.url}/label`);
    await shownTask(page);
    await page.keyboard.press('?');
    const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await help.waitFor();
    await page.keyboard.press('1');
    await page.keyboard.press('Escape');
    await help.waitFor({ state: 'hidden' });
    await page.keyboard.press('Control+1');
    expect(await judgementsOf(app.database, runId)).toEqual([]);
    expect(await judgeByKeyboard(page, 1)).toHaveLength(1);
  });

  it('takes the mouse too', async () => {
    const runId = await waitingRun(1);
    await page.goto(`${app.url}/label`);
    const task = await shownTask(page);
    await page.getByRole('button', { name: 'B is better' }).click();
    await page.getByRole('heading', { name: 'Nothing to judge right now' }).waitFor();
    expect(await judgementsOf(app.database, runId)).toMatchObject([{ best: task?.responses[1] }]);
  });
});

/** Of the page's globals what a function sent there needs: tests are compiled for Node. */
interface BrowserWindow {
  getComputedStyle(element: unknown): { readonly whiteSpace: string };
}

describe('what a model wrote', () => {
  it('is shown as text with every space, never as markup', async () => {
    const hostile = '\n  <img src=x onerror="document.title=\'pwned\'"> <b>bold</b>\n\n\tend & so on  ';
    await waitingRun(1, (_, side) => `${hostile}${side}`);
    await page.goto(`${app.url}/label`);
    const task = await shownTask(page);
    expect([...(task?.responses ?? [])].sort()).toEqual([`${hostile}left`, `${hostile}right`]);
    expect(await page.locator('[data-testid=task] img, [data-testid=task] b').count()).toBe(0);
    expect(await page.title()).toBe('Label · Plumbline');
    const whiteSpace = await page
      .getByTestId('response-text')
      .first()
      .evaluate((element) => (globalThis as unknown as BrowserWindow).getComputedStyle(element).whiteSpace);
    expect(whiteSpace).toBe('pre-wrap');
  });
});

describe('when things go wrong', () => {
  it('says that the password is wrong', async () => {
    await context.clearCookies();
    await page.goto(`${app.url}/label`);
    await page.getByLabel('E-mail').fill(app.accounts.labeler.email);
    await page.getByLabel('Password', { exact: true }).fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'wrong' }).waitFor();
    await signIn(page, { ...app.accounts.labeler, email: '' });
    expect(new URL(page.url()).pathname).toBe('/label');
  });

  it('keeps a decision while the server is away, through a reload, and stores it once', async () => {
    const runId = await waitingRun(2);
    await page.goto(`${app.url}/label`);
    const task = await shownTask(page);
    await page.route('**/judgement', (route) => route.abort('connectionrefused'));
    await page.keyboard.press('2');
    await text('Your answer is kept: B is better').waitFor();
    // Other keys change nothing about it.
    await page.keyboard.press('1');
    await page.reload();
    await text('Your answer is kept: B is better').waitFor();
    expect(await judgementsOf(app.database, runId)).toEqual([]);
    await page.unroute('**/judgement');
    await page.getByRole('button', { name: 'Send now' }).click();
    await page.locator(`[data-slot="${task!.slotId}"]`).waitFor({ state: 'detached' });
    expect(await judgementsOf(app.database, runId)).toMatchObject([{ best: task?.responses[1] }]);
  });

  it('stores a decision once when its answer was lost on the way back', async () => {
    const runId = await waitingRun(2);
    await page.goto(`${app.url}/label`);
    const task = await shownTask(page);
    let lost = 0;
    await page.route('**/judgement', async (route) => {
      if (lost > 0) return route.continue();
      lost += 1;
      await route.fetch();
      return route.abort('connectionreset');
    });
    await page.keyboard.press('1');
    await page.locator(`[data-slot="${task!.slotId}"]`).waitFor({ state: 'detached', timeout: 20_000 });
    // The page has gone on to the next one; the decision is on its way.
    await expect.poll(() => lost).toBe(1);
    await expect.poll(() => judgementsOf(app.database, runId)).toMatchObject([{ best: task?.responses[0] }]);
    expect(await judgeByKeyboard(page, 5)).toHaveLength(1);
    expect(await judgementsOf(app.database, runId)).toHaveLength(2);
  });

  it('goes on by itself after the API was restarted', async () => {
    const runId = await waitingRun(3);
    await page.goto(`${app.url}/label`);
    const task = await shownTask(page);
    await app.stopApi();
    await page.keyboard.press('t');
    await text('Your answer is kept').waitFor();
    await app.startApi();
    await text('Your answer is kept').waitFor({ state: 'detached', timeout: 20_000 });
    // What was judged is still shown until the next comparison is there.
    await page.locator(`[data-testid=task]:not([data-slot="${task!.slotId}"])`).waitFor();
    expect(await judgeByKeyboard(page, 5)).toHaveLength(2);
    expect(await judgementsOf(app.database, runId)).toHaveLength(3);
  });

  it('says so when somebody else has the comparison now, and goes on with the next', async () => {
    const runId = await waitingRun(1);
    await page.goto(`${app.url}/label`);
    const task = await shownTask(page);
    await app.database.query(
      `UPDATE slots SET lease_expires_at = now() - interval '1 minute' WHERE id = $1`,
      [task!.slotId],
    );
    const other = await signedInContext(browser, app.url, app.accounts.lead);
    try {
      const otherPage = await other.newPage();
      await otherPage.goto(`${app.url}/label`);
      expect((await shownTask(otherPage))?.slotId).toBe(task?.slotId);
      await page.keyboard.press('1');
      await text('That comparison is no longer yours').waitFor();
      await page.getByRole('heading', { name: 'Nothing to judge right now' }).waitFor();
      await judgeByKeyboard(otherPage, 1, () => 't');
      expect(await judgementsOf(app.database, runId)).toMatchObject([{ outcome: 'tie' }]);
    } finally {
      await other.close();
    }
  });

  it('asks to sign in again when the session has ended, and then sends the decision', async () => {
    const runId = await waitingRun(2);
    await page.goto(`${app.url}/label`);
    const task = await shownTask(page);
    await context.clearCookies();
    await page.keyboard.press('2');
    await page.getByRole('heading', { name: 'Sign in to Plumbline' }).waitFor();
    await signIn(page, app.accounts.labeler);
    await page.locator(`[data-testid=task]:not([data-slot="${task!.slotId}"])`).waitFor();
    expect(new URL(page.url()).pathname).toBe('/label');
    expect(await judgementsOf(app.database, runId)).toMatchObject([{ best: task?.responses[1] }]);
  });
});
