import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '@plumbline/config';
import { isTerminal } from '@plumbline/contracts';
import { patiently, type RunDetail } from './api.js';
import { remark } from './output.js';
import { RunBars } from './run-bars.js';

const LOOK_EVERY_MS = 1000;

/** Shows a run's progress on stderr until it ends, riding out restarts of the services. Interrupting stops only this. */
export async function watchRun(settings: Environment, runId: string): Promise<RunDetail> {
  const bars = new RunBars();
  const leave = () => {
    remark(`\nthe run goes on; \`npx plumbline run watch ${runId}\` shows it again`);
    process.exit(130);
  };
  process.once('SIGINT', leave);
  let waitingTold = false;
  try {
    for (;;) {
      const { run, url } = await patiently(settings, async (api) => ({
        run: await api.run(runId),
        url: api.url,
      }));
      bars.show(run);
      if (isTerminal(run.status)) return run;
      if (
        !waitingTold &&
        run.status === 'waiting' &&
        run.configuration.collect.simulatedLabelers === undefined
      ) {
        waitingTold = true;
        remark(`waiting for people to judge at ${url}`);
      }
      await sleep(LOOK_EVERY_MS);
    }
  } finally {
    process.off('SIGINT', leave);
  }
}
