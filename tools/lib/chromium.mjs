import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { NODE_MODULES, ROOT } from './paths.mjs';
import { showProgress } from './progress.mjs';
import { runCommand, works } from './run-command.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/**
 * Gets a Chromium for the browser tests where there is none: Playwright's download, else Debian's package where we may
 * install packages. That neither worked is not an error here: the tests that need it fail and say how to get it.
 */
export async function ensureChromium() {
  if (await isThere()) return;
  const attempts = [
    ['Downloading Chromium (Playwright)', () => playwrightDownload()],
    ['Installing Chromium (apt-get)', () => debianPackage()],
  ];
  for (const [title, attempt] of attempts) {
    try {
      await showProgress(title, attempt);
      if (await isThere()) return;
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
    }
  }
}

async function isThere() {
  const directories = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const onPath = directories.flatMap((directory) => NAMES.map((name) => join(directory, name)));
  const { chromium } = await import('playwright-core');
  return [process.env.PLUMBLINE_CHROMIUM, ...onPath, chromium.executablePath()].some(
    (file) => file && existsSync(file),
  );
}

async function playwrightDownload() {
  const cli = join(NODE_MODULES, 'playwright-core', 'cli.js');
  await runCommand(process.execPath, [cli, 'install', 'chromium'], { cwd: ROOT, timeoutMs: 10 * 60_000 });
}

async function debianPackage() {
  if (process.getuid?.() !== 0 || !(await works('apt-get', ['--version'])))
    throw new Error('not root on a Debian system, so no package can be installed');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await runCommand('apt-get', ['update'], { env });
  await runCommand('apt-get', ['install', '--yes', '--no-install-recommends', 'chromium'], { env });
}
