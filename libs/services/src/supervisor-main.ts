import { environment } from '@plumbline/config';
import { choosePorts } from './addresses.js';
import { BoundedLog } from './bounded-log.js';
import { plumblineServices } from './plumbline-services.js';
import { identify } from './process-control.js';
import { logFile, writeState } from './service-state.js';
import { Supervisor } from './supervisor.js';

/** The detached process that `plumbline up` starts, one per home. SIGTERM is the order to stop everything. */
const settings = environment();

async function main(): Promise<void> {
  const ports = await choosePorts(settings);
  const { apiUrl, services } = plumblineServices(settings, ports);
  const supervisor = await Supervisor.create({
    home: settings.home,
    apiUrl,
    services,
    openLog: (service) => new BoundedLog(logFile(settings.home, service)),
  });
  let stopping: Promise<void> | null = null;
  const stop = () => {
    stopping ??= supervisor.stop().then(() => {
      process.exit(0);
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // The terminal it was started from may close.
  process.on('SIGHUP', () => undefined);
  await supervisor.start();
}

try {
  await main();
} catch (error) {
  console.error(error);
  const problem = error instanceof Error ? error.message : String(error);
  writeState(settings.home, {
    supervisor: await identify(process.pid),
    state: 'failed',
    startedAt: new Date().toISOString(),
    problem,
    apiUrl: null,
    services: [],
  });
  process.exit(1);
}
