import { findChromium } from '@plumbline/testing';
import { type Browser, chromium } from 'playwright-core';

/** Chromium without a window and without traffic of its own. @throws Error saying how to get it, where there is none */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: await findChromium(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}
