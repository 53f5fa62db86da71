import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { childEnvironment } from '@plumbline/config';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/**
 * Chromium's executable: the one PLUMBLINE_CHROMIUM names, else on PATH, else Playwright's own download.
 * @throws Error saying how to get one
 */
export async function findChromium(): Promise<string> {
  const env = childEnvironment();
  const onPath = (env['PATH'] ?? '')
    .split(delimiter)
    .filter(Boolean)
    .flatMap((directory) => NAMES.map((name) => join(directory, name)));
  const candidates = [env['PLUMBLINE_CHROMIUM'] ?? '', ...onPath, chromium.executablePath()];
  for (const candidate of candidates) {
    if (candidate !== '' && (await isExecutable(candidate))) return candidate;
  }
  throw new Error(
    'no Chromium found on PATH or among Playwright’s downloads; run `npx playwright-core install chromium`, ' +
      'or install your system’s package (Debian: `apt-get install chromium`)',
  );
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
