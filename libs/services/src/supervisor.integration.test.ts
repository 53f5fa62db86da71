import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEnvironment } from '@plumbline/config';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BoundedLog } from './bounded-log.js';
import { isAlive, processesWithEnvironment } from './process-control.js';
import { logFile, readState, type ServiceRecord } from './service-state.js';
import { SUPERVISION_TIMES, type ServiceDefinition } from './supervised-service.js';
import { Supervisor } from './supervisor.js';

/** Says that it is ready, has a child of its own, and ends at SIGTERM. */
const HEALTHY = `
  const { spawn } = require('node:child_process');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
  console.log('child ' + child.pid);
  console.log(JSON.stringify({ event: 'ready' }));
  setInterval(() => {}, 1000);
`;
/** Ignores SIGTERM, and so does its child. */
const STUBBORN =
  `process.on('SIGTERM', () => {});` +
  HEALTHY.replace("'setInterval", `"process.on('SIGTERM', () => {});" + 'setInterval`);
const BROKEN = `console.error('cannot open the gates'); process.exit(3);`;
const SILENT = `setInterval(() => {}, 1000);`;

const VARIABLE = 'PLUMBLINE_TEST_SUPERVISOR';
let home: string;
let supervisor: Supervisor | null;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'plumbline-supervisor-'));
  supervisor = null;
});
afterEach(async () => {
  await supervisor?.stop();
  for (const pid of await processesWithEnvironment(VARIABLE, home)) process.kill(pid, 'SIGKILL');
  await rm(home, { recursive: true, force: true });
});

function fake(name: string, program: string, after: readonly string[] = []): ServiceDefinition {
  return {
    name,
    after,
    address: null,
    launch: () =>
      Promise.resolve({
        command: process.execPath,
        args: ['-e', program],
        env: childEnvironment({ [VARIABLE]: home }),
      }),
    isReady: (saidReady) => Promise.resolve(saidReady),
    stopSignal: 'SIGTERM',
    graceMs: 500,
  };
}

async function supervise(...services: ServiceDefinition[]): Promise<Supervisor> {
  supervisor = await Supervisor.create({
    home,
    apiUrl: null,
    services,
    openLog: (service) => new BoundedLog(logFile(home, service)),
    times: {
      ...SUPERVISION_TIMES,
      startWithinMs: 5000,
      checkEveryMs: 100,
      failuresUntilStuck: 3,
      firstRestartAfterMs: 50,
    },
  });
  return supervisor;
}

function recordOf(name: string): ServiceRecord {
  const record = readState(home)?.services.find((service) => service.name === name);
  if (!record) throw new Error(`${name} is not in the state file`);
  return record;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it did not happen');
    await sleep(20);
  }
}

it('starts services in their order and stops them with everything they started', async () => {
  const order: string[] = [];
  const noting = (definition: ServiceDefinition): ServiceDefinition => ({
    ...definition,
    launch: (context) => {
      order.push(definition.name);
      return definition.launch(context);
    },
  });
  const running = await supervise(
    noting(fake('worker', HEALTHY, ['api'])),
    noting(fake('api', HEALTHY, ['database'])),
    noting(fake('database', HEALTHY)),
  );
  await running.start();
  expect(order).toEqual(['database', 'api', 'worker']);
  expect(readState(home)).toMatchObject({ state: 'running', supervisor: { pid: process.pid } });
  // Each has a child.
  expect(await processesWithEnvironment(VARIABLE, home)).toHaveLength(6);

  await running.stop();
  expect(await processesWithEnvironment(VARIABLE, home)).toEqual([]);
  expect(readState(home)?.state).toBe('stopped');
  expect(recordOf('worker')).toMatchObject({ state: 'stopped', process: null });
});

it('kills what does not end when asked, its children too', async () => {
  const running = await supervise(fake('worker', STUBBORN));
  await running.start();
  await running.stop();
  expect(await processesWithEnvironment(VARIABLE, home)).toEqual([]);
});

it('starts a killed service again and ends what it left behind', async () => {
  await (await supervise(fake('worker', HEALTHY))).start();
  const before = recordOf('worker').process?.pid ?? 0;
  const log = await readFile(logFile(home, 'worker'), 'utf8');
  const orphan = Number(/child (\d+)/.exec(log)?.[1]);
  process.kill(before, 'SIGKILL');
  await until(() => recordOf('worker').state === 'running' && recordOf('worker').restarts === 1);
  const after = recordOf('worker').process?.pid ?? 0;
  expect(after).not.toBe(before);
  expect(isAlive(after)).toBe(true);
  expect(isAlive(before)).toBe(false);
  await until(() => !isAlive(orphan));
});

it('starts a service again that lives and no longer answers', async () => {
  let answers = true;
  const definition = fake('api', HEALTHY);
  await (
    await supervise({ ...definition, isReady: (saidReady) => Promise.resolve(saidReady && answers) })
  ).start();
  const before = recordOf('api').process?.pid;
  answers = false;
  await until(() => recordOf('api').state === 'starting');
  answers = true;
  await until(() => recordOf('api').state === 'running');
  expect(recordOf('api').process?.pid).not.toBe(before);
});

it('says why a service did not start, and stops the others', async () => {
  const running = await supervise(fake('database', HEALTHY), fake('api', BROKEN, ['database']));
  await expect(running.start()).rejects.toThrow(/api ended with exit code 3:\n.*cannot open the gates/s);
  expect(readState(home)).toMatchObject({
    state: 'failed',
    problem: expect.stringMatching(/cannot open/) as string,
  });
  expect(await processesWithEnvironment(VARIABLE, home)).toEqual([]);
});

it('gives up on a service that never becomes ready', async () => {
  const running = await supervise(fake('worker', SILENT));
  await expect(running.start()).rejects.toThrow(/worker was not ready within 5 s/);
  expect(await processesWithEnvironment(VARIABLE, home)).toEqual([]);
});

it('can be stopped while it starts', async () => {
  const running = await supervise(fake('database', SILENT), fake('api', HEALTHY, ['database']));
  const starting = running.start();
  await until(() => recordOf('database').process !== null);
  await running.stop();
  await starting;
  expect(await processesWithEnvironment(VARIABLE, home)).toEqual([]);
  expect(readState(home)?.state).toBe('stopped');
});
