import { environment, type Environment } from '@plumbline/config';
import {
  bringDown,
  bringUp,
  credentialsFile,
  runningApiUrl,
  secretsFile,
  serviceStatuses,
} from '@plumbline/services';
import type { Command } from 'commander';
import { print, printJson, remark, table } from '../output.js';
import { showingServices } from '../service-progress.js';

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
