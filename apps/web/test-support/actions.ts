import type { Page } from 'playwright-core';

export interface Account {
  readonly email: string;
  readonly password: string;
}

/** Signs in at the page that stands open or at `url`, by keyboard alone, and waits until the app is there. */
export async function signIn(page: Page, account: Account, url?: string): Promise<void> {
  if (url !== undefined) await page.goto(new URL('/sign-in', url).href);
  await page.getByLabel('E-mail').focus();
  await page.keyboard.type(account.email);
  await page.keyboard.press('Tab');
  await page.keyboard.type(account.password);
  await page.keyboard.press('Enter');
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

/** What stands on the labeling page. */
export interface ShownTask {
  readonly slotId: string;
  /** The responses in the order shown, without the words that lead up to them. */
  readonly responses: readonly string[];
}

/** The comparison on the screen, null when there is nothing to judge. Waits for either. */
export async function shownTask(page: Page): Promise<ShownTask | null> {
  const task = page.locator('[data-testid=task]');
  const nothing = page.getByRole('heading', { name: 'Nothing to judge right now' });
  await task.or(nothing).first().waitFor();
  if (!(await task.isVisible())) return null;
  return {
    slotId: (await task.getAttribute('data-slot')) ?? '',
    responses: await page.locator('[data-testid=response-text]').allTextContents(),
  };
}

/**
 * Judges up to `count` comparisons on the labeling page by keyboard, waiting for each to be stored and for what follows.
 *
 * @param keyFor the key to press for a comparison; by default they take turns: A, B, tie
 * @returns the comparisons judged; fewer than `count` when nothing was left to judge
 */
export async function judgeByKeyboard(
  page: Page,
  count: number,
  keyFor: (task: ShownTask, index: number) => string = (_, index) => ['1', '2', 't'][index % 3]!,
): Promise<ShownTask[]> {
  const judged: ShownTask[] = [];
  while (judged.length < count) {
    const task = await shownTask(page);
    if (task === null) break;
    await page.keyboard.press(keyFor(task, judged.length));
    await page
      .locator(`[data-testid=task][data-slot="${task.slotId}"]`)
      .waitFor({ state: 'detached', timeout: 30_000 });
    judged.push(task);
  }
  return judged;
}
