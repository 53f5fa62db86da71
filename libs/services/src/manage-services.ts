import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { childEnvironment, type Environment } from '@plumbline/config';
import { SERVICE_NAMES, type ServiceStatus } from '@plumbline/contracts';
import { requireApiPort } from './addresses.js';
import { withHomeLock } from './home-lock.js';
import { SUPERVISED_VARIABLE } from './plumbline-services.js';
import {
  identify,
  isStillRunning,
  processesWithEnvironment,
  stopProcess,
  type ProcessIdentity,
} from './process-control.js';
import { logFile, readState, type SupervisorState } from './service-state.js';
import { ServicesError } from './services-error.js';

const PROGRAM = fileURLToPath(new URL('./supervisor-main.js', import.meta.url));
const SUPERVISOR_LOG_LIMIT_BYTES = 5_000_000;
const LOCK_TIMEOUT_MS = 180_000;
/** Postgres gets 20 s, the others less, one after the other. */
const STOP_WITHIN_MS = 60_000;

export interface ChangeOptions {
  /** The supervisor's program and arguments; tests have their own. */
  readonly program?: readonly string[];
  /** Called when another command is at work on the same home. */
  onWait?(): void;
  /** Called with every new state while services start or stop. */
  onState?(state: SupervisorState): void;
}

export type UpOutcome = 'started' | 'already-running';

/**
 * Starts the services of a home, unless they run. Resolves when all are ready.
 * @throws ServicesError saying which one did not start and why; nothing is left running then
 */
export async function bringUp(settings: Environment, options: ChangeOptions = {}): Promise<UpOutcome> {
  return withLock(settings.home, options, async () => {
    const supervisor = await liveSupervisor(settings.home);
    if (supervisor?.state === 'running') return 'already-running';
    if (supervisor) await stopEverything(settings.home, options);
    await stopOrphans(settings.home);
    await requireApiPort(settings);
    await startSupervisor(settings, options);
    return 'started';
  });
}

/** Stops the services of a home, orderly and then by force. Says whether anything ran. */
export async function bringDown(settings: Environment, options: ChangeOptions = {}): Promise<boolean> {
  return withLock(settings.home, options, async () => {
    const supervisor = await liveSupervisor(settings.home);
    if (supervisor) await stopEverything(settings.home, options);
    const orphans = await stopOrphans(settings.home);
    return supervisor !== null || orphans > 0;
  });
}

/** What runs now, asked of the system rather than believed from the file. */
export async function serviceStatuses(home: string): Promise<ServiceStatus[]> {
  const state = readState(home);
  const supervised = (await liveSupervisor(home)) !== null;
  return Promise.all(
    SERVICE_NAMES.map(async (name): Promise<ServiceStatus> => {
      const record = state?.services.find((service) => service.name === name);
      if (record?.state === 'external' && supervised)
        return { name, state: 'external', address: record.address, pid: null };
      const alive = record?.process && (await isStillRunning(record.process)) ? record.process.pid : null;
      if (!record || (alive === null && !(supervised && record.state === 'starting')))
        return { name, state: 'stopped', address: null, pid: null };
      return {
        name,
        state: record.state === 'starting' ? 'starting' : 'running',
        address: record.address,
        pid: alive,
      };
    }),
  );
}

/** Where the API of a home answers; null when its services are not up. */
export async function runningApiUrl(home: string): Promise<string | null> {
  return (await liveSupervisor(home))?.apiUrl ?? null;
}

async function liveSupervisor(home: string): Promise<SupervisorState | null> {
  const state = readState(home);
  return state && (await isStillRunning(state.supervisor)) ? state : null;
}

function withLock<T>(home: string, options: ChangeOptions, work: () => Promise<T>): Promise<T> {
  return withHomeLock(
    join(home, 'run', 'changing.lock'),
    { timeoutMs: LOCK_TIMEOUT_MS, onWait: () => options.onWait?.() },
    work,
  );
}

async function startSupervisor(settings: Environment, options: ChangeOptions): Promise<void> {
  const { home } = settings;
  const log = openSupervisorLog(home);
  const child = spawn(process.execPath, ['--enable-source-maps', ...(options.program ?? [PROGRAM])], {
    cwd: settings.root,
    detached: true,
    stdio: ['ignore', log, log],
    env: childEnvironment({ PLUMBLINE_HOME: home, [SUPERVISED_VARIABLE]: undefined }),
  });
  closeSync(log);
  if (child.pid === undefined) throw new ServicesError('child-failed', 'the supervisor could not be started');
  const supervisor = await identify(child.pid);
  child.unref();
  let shown = '';
  for (;;) {
    const state = readState(home);
    const mine = state && isSame(state.supervisor, supervisor) ? state : null;
    if (mine && JSON.stringify(mine) !== shown) {
      shown = JSON.stringify(mine);
      options.onState?.(mine);
    }
    if (mine?.state === 'running') return;
    if (!(await isStillRunning(supervisor))) {
      const known = readState(home);
      const problem =
        known && isSame(known.supervisor, supervisor) && known.problem !== null
          ? known.problem
          : `the supervisor ended unexpectedly\n${lastWords(logFile(home, 'supervisor'))}`;
      throw new ServicesError('child-failed', `${problem}\nlogs: ${dirname(logFile(home, 'supervisor'))}`);
    }
    await sleep(100);
  }
}

function isSame(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.pid === other.pid && one.startTime === other.startTime;
}

function lastWords(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-8).join('\n');
}

function openSupervisorLog(home: string): number {
  const file = logFile(home, 'supervisor');
  mkdirSync(dirname(file), { recursive: true });
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > SUPERVISOR_LOG_LIMIT_BYTES) truncateSync(file);
  return openSync(file, 'a', 0o600);
}

async function stopEverything(home: string, options: ChangeOptions): Promise<void> {
  const state = readState(home);
  if (!state) return;
  const watching = setInterval(() => {
    const now = readState(home);
    if (now) options.onState?.(now);
  }, 200);
  try {
    await stopProcess(state.supervisor, { signal: 'SIGTERM', graceMs: STOP_WITHIN_MS });
  } finally {
    clearInterval(watching);
  }
  const last = readState(home);
  if (last) options.onState?.(last);
}

/** Ends what a supervisor that was killed, or had no time, left behind; says how many processes that were. */
async function stopOrphans(home: string): Promise<number> {
  const recorded = (readState(home)?.services ?? []).flatMap(({ name, process: identity }) =>
    identity ? [{ name, identity }] : [],
  );
  let stopped = 0;
  for (const { name, identity } of recorded) {
    if (!(await isStillRunning(identity))) continue;
    stopped += 1;
    await stopProcess(identity, { signal: name === 'postgres' ? 'SIGINT' : 'SIGTERM', graceMs: 10_000 });
  }
  // Their children, and whatever was started and not yet recorded.
  for (const pid of await processesWithEnvironment(SUPERVISED_VARIABLE, home)) {
    stopped += 1;
    await stopProcess(await identify(pid), { signal: 'SIGTERM', graceMs: 3000 });
  }
  return stopped;
}
