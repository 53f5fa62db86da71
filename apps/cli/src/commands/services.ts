import { environment, type Environment } from '@plumbline/config';
import { SERVICE_NAMES } from '@plumbline/contracts';
import {
  bringDown,
  bringUp,
  credentialsFile,
  runningApiUrl,
  secretsFile,
  serviceStatuses,
  type SupervisorState,
} from '@plumbline/services';
import type { Command } from 'commander';
import { Listr } from 'listr2';
import { print, printJson, remark, table } from '../output.js';

/** `up`, `down`, `status` */
export function addServiceCommands(program: Command): void {
  program
    .command('up')
    .description('start Postgres, Temporal, the API and the workers, and wait until they are ready')
    .option('--json', 'print {services:[{name,state,address,pid}]} on stdout')
    .action((options: { json?: boolean }) => up(environment(), options.json ?? false));
  program
    .command('down')
    .description(
      'stop everything that `up` started; runs continue from their last checkpoint after the next `up`',
    )
    .option('--json', 'print {services:[{name,state,address,pid}]} on stdout')
    .action((options: { json?: boolean }) => down(environment(), options.json ?? false));
  program
    .command('status')
    .description('show the services')
    .option('--json', 'print {services:[{name,state,address,pid}]} on stdout')
    .action((options: { json?: boolean }) => status(environment(), options.json ?? false));
}

async function up(settings: Environment, json: boolean): Promise<void> {
  const outcome = await showingServices('running', (onState) =>
    bringUp(settings, { onState, onWait: tellWait }),
  );
  if (outcome === 'already-running') remark('The services are running already.');
  await printStatus(settings, json);
  if (json) return;
  const url = await runningApiUrl(settings.home);
  print(`\nweb app     ${url ?? ''}`);
  print(`accounts    ${credentialsFile(settings.home)}`);
  print(`secrets     ${secretsFile(settings.home)}`);
}

async function down(settings: Environment, json: boolean): Promise<void> {
  const stopped = await showingServices('stopped', (onState) =>
    bringDown(settings, { onState, onWait: tellWait }),
  );
  if (json) await printStatus(settings, true);
  else print(stopped ? 'Everything is stopped.' : 'Nothing was running.');
}

async function status(settings: Environment, json: boolean): Promise<void> {
  await printStatus(settings, json);
}

async function printStatus(settings: Environment, json: boolean): Promise<void> {
  const services = await serviceStatuses(settings.home);
  if (json) {
    printJson({ services });
    return;
  }
  print(
    table([
      ['SERVICE', 'STATE', 'ADDRESS', 'PID'],
      ...services.map(({ name, state, address, pid }) => [
        name,
        state,
        address ?? '',
        pid === null ? '' : String(pid),
      ]),
    ]),
  );
}

function tellWait(): void {
  remark('Another plumbline command is starting or stopping the services; waiting for it.');
}

/** Runs a change of the services while one task line per service shows on stderr how far each is. */
async function showingServices<T>(
  goal: 'running' | 'stopped',
  change: (onState: (state: SupervisorState) => void) => Promise<T>,
): Promise<T> {
  let latest: SupervisorState | null = null;
  let tick: () => void = () => undefined;
  let changed = new Promise<void>((resolve) => (tick = resolve));
  let over = false;
  const wake = () => {
    tick();
    changed = new Promise<void>((resolve) => (tick = resolve));
  };
  const changing = change((state) => {
    latest = state;
    wake();
  }).finally(() => {
    over = true;
    wake();
  });
  changing.catch(() => undefined);
  while (latest === null && !over) await changed;
  if (latest !== null) {
    const tasks = new Listr(
      SERVICE_NAMES.map((name) => ({
        title: name,
        task: async (_context: unknown, task: { output: string; title: string }) => {
          for (;;) {
            const record = latest?.services.find((service) => service.name === name);
            const there = record?.state === goal || record?.state === 'external';
            if (there || (over && latest?.state === goal)) {
              if (record?.address && goal === 'running') task.title = `${name} ${record.address}`;
              return;
            }
            if (over) throw new Error(`${name} is not ${goal}`);
            if (record?.detail) task.output = record.detail;
            await changed;
          }
        },
      })),
      {
        concurrent: true,
        exitOnError: false,
        renderer: process.stderr.isTTY ? 'default' : 'simple',
        rendererOptions: { collapseErrors: true },
        fallbackRendererOptions: {},
        collectErrors: false,
        registerSignalListeners: false,
      },
    );
    await tasks.run().catch(() => undefined);
  }
  return changing;
}
