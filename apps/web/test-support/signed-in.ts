import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core';
import type { Account } from './actions.js';

const states = new Map<string, Awaited<ReturnType<BrowserContext['storageState']>>>();

/**
 * A browser context in which somebody is signed in already. The session is made once per account: the API lets nobody
 * sign in many times a minute.
 */
export async function signedInContext(
  browser: Browser,
  url: string,
  { email, password }: Account,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const key = `${url} ${email}`;
  const known = states.get(key);
  if (known !== undefined) return browser.newContext({ ...options, storageState: known });
  const context = await browser.newContext(options);
  const answer = await context.request.post(`${url}/api/v1/auth/login`, { data: { email, password } });
  if (!answer.ok())
    throw new Error(`${email} could not sign in: ${String(answer.status())} ${await answer.text()}`);
  states.set(key, await context.storageState());
  return context;
}
