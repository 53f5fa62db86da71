import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApplication, type TestApplication } from '../test-support/application.js';
import { launchChromium } from '../test-support/browser.js';
import { seedShowcase, type Showcase } from '../test-support/showcase.js';
import { signedInContext } from '../test-support/signed-in.js';

/** Set to a folder, it receives a picture of every page in every size and scheme, for people to look at. */
const PICTURES = process.env['PLUMBLINE_PICTURES'];
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

let app: TestApplication;
let browser: Browser;
let runs: Showcase;
let axe: string;

beforeAll(async () => {
  app = await startTestApplication();
  browser = await launchChromium();
  runs = await seedShowcase(app);
  axe = await readFile(AXE, 'utf8');
  if (PICTURES !== undefined) await mkdir(PICTURES, { recursive: true });
});
afterAll(async () => {
  await browser?.close();
  await app?.stop();
});

type Role = keyof TestApplication['accounts'];
interface View {
  readonly name: string;
  readonly role: Role | null;
  readonly path: () => string;
  /** Waits until the page shows what it is for, and opens what is looked at. */
  readonly ready: (page: Page) => Promise<unknown>;
}

const VIEWS: readonly View[] = [
  {
    name: 'sign-in',
    role: null,
    path: () => '/sign-in',
    ready: (page) => page.getByLabel('Password', { exact: true }).waitFor(),
  },
  {
    name: 'label',
    role: 'labeler',
    path: () => '/label',
    ready: (page) => page.getByTestId('task').waitFor(),
  },
  {
    name: 'label-help',
    role: 'labeler',
    path: () => '/label',
    ready: async (page) => {
      await page.getByTestId('task').waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
    },
  },
  {
    name: 'runs',
    role: 'auditor',
    path: () => '/runs',
    ready: (page) => page.getByRole('link', { name: 'too-wide' }).waitFor(),
  },
  {
    name: 'start',
    role: 'researcher',
    path: () => '/runs',
    ready: async (page) => {
      await page.getByRole('button', { name: 'Start a run' }).click();
      await page.getByRole('radio', { name: /smoke/ }).waitFor();
      await page.getByRole('button', { name: 'Override a key' }).click();
    },
  },
  {
    name: 'run-running',
    role: 'researcher',
    path: () => `/runs/${runs.running}`,
    ready: (page) => page.getByRole('img').first().waitFor(),
  },
  {
    name: 'run-waiting',
    role: 'lead',
    path: () => `/runs/${runs.waiting}`,
    ready: (page) => page.getByRole('img').first().waitFor(),
  },
  {
    name: 'run-failed',
    role: 'auditor',
    path: () => `/runs/${runs.failed}`,
    ready: (page) => page.getByRole('img').first().waitFor(),
  },
  {
    name: 'events',
    role: 'auditor',
    path: () => `/runs/${runs.completed}/events`,
    ready: (page) => page.getByRole('row').nth(3).waitFor(),
  },
  {
    name: 'configuration',
    role: 'auditor',
    path: () => `/runs/${runs.completed}/configuration`,
    ready: (page) => page.getByRole('heading', { name: 'Provenance' }).waitFor(),
  },
  {
    name: 'report',
    role: 'auditor',
    path: () => `/runs/${runs.completed}/report`,
    ready: (page) => page.frameLocator('iframe').getByRole('heading').waitFor(),
  },
  {
    name: 'not-found',
    role: 'auditor',
    path: () => '/nowhere',
    ready: (page) => page.getByRole('heading', { name: 'There is no page here' }).waitFor(),
  },
];

interface AxeViolation {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

/** What lies behind a dialog is out of reach meanwhile, and the dialog's <header> is not a banner of the page. */
const FIND_VIOLATIONS = `axe.run(document.querySelector('[role=dialog]') ?? document, {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice'],
  rules: { 'landmark-no-duplicate-banner': { enabled: false } },
  iframes: false,
}).then(({ violations }) => violations)`;

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };
interface Frame {
  readonly viewport: typeof WIDE;
  readonly colorScheme: 'light' | 'dark';
}
/** They differ in nothing that a test could find, but people want to see them. */
const EXTRA_FRAMES: readonly Frame[] = [
  { viewport: WIDE, colorScheme: 'dark' },
  { viewport: NARROW, colorScheme: 'light' },
];
const FRAMES: readonly Frame[] = [
  { viewport: WIDE, colorScheme: 'light' },
  { viewport: NARROW, colorScheme: 'dark' },
  ...(PICTURES === undefined ? [] : EXTRA_FRAMES),
];

describe.each(VIEWS)('$name', ({ name, role, path, ready }) => {
  it.each(FRAMES)(
    'is accessible and fits at $viewport.width, $colorScheme',
    async ({ viewport, colorScheme }) => {
      const options = { viewport, colorScheme, reducedMotion: 'reduce' as const };
      const context =
        role === null
          ? await browser.newContext(options)
          : await signedInContext(browser, app.url, app.accounts[role], options);
      try {
        const page = await context.newPage();
        const errors: string[] = [];
        page.on('pageerror', (error) => errors.push(error.message));
        page.on('console', (message) => {
          // Without a session the API answers 401, and Chromium reports that itself.
          if (message.type() === 'error' && !message.text().includes('401')) errors.push(message.text());
        });
        await page.goto(app.url + path());
        await ready(page);
        await page.waitForTimeout(400);
        if (PICTURES !== undefined) {
          const file = `${name}-${String(viewport.width)}-${colorScheme}.png`;
          await page.screenshot({
            path: join(PICTURES, file),
            fullPage: !name.startsWith('label') && name !== 'start',
          });
        }
        const overflow = await page.evaluate<number>(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        expect(overflow).toBe(0);
        // Run through the page's debugger connection, which the content security policy does not bind.
        await page.evaluate(axe);
        const violations = await page.evaluate<AxeViolation[]>(FIND_VIOLATIONS);
        expect(violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => html) }))).toEqual([]);
        expect(errors).toEqual([]);
      } finally {
        await context.close();
      }
    },
  );
});
