import { setTimeout as delay } from 'node:timers/promises';

/**
 * Repeats `work` until the signal aborts, pausing between rounds. An error is told and does not end the loop: the next
 * round starts from what Postgres says.
 */
export async function periodically(
  intervalMs: number,
  signal: AbortSignal,
  name: string,
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await work();
    } catch (error) {
      console.error(JSON.stringify({ event: 'error', loop: name, message: (error as Error).message }));
    }
    await delay(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}
