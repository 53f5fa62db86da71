import { LOOK_AGAIN_SIGNAL } from '@plumbline/contracts';
import { condition, defineSignal, setHandler } from '@temporalio/workflow';

export const lookAgainSignal = defineSignal(LOOK_AGAIN_SIGNAL);

/** Looks without a signal after this long: signals are hints, Postgres is the truth. */
const FALLBACK = '5 minutes';

/**
 * Resolves each time there may be news, and once at the start. Signals that arrive while nobody waits count once.
 */
export function listenForNews(): () => Promise<void> {
  let news = true;
  setHandler(lookAgainSignal, () => {
    news = true;
  });
  return async () => {
    await condition(() => news, FALLBACK);
    news = false;
  };
}
