import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { environment, type Environment } from '@plumbline/config';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bringDown, bringUp, runningApiUrl, serviceStatuses } from './manage-services.js';
import { SUPERVISED_VARIABLE } from './plumbline-services.js';
import { identify, isAlive, processesWithEnvironment } from './process-control.js';
import { readState, stateFile, writeState } from './service-state.js';

/**
 * Stands for the supervisor: starts one "gpu-worker", which has a child of its own, and writes the state file as the
 * real one does. At SIGTERM it stops them.
 */
const SUPERVISOR = `
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
const file = process.argv[2];
const startTime = (pid) => { const s = readFileSync('/proc/' + pid + '/stat', 'utf8'); return s.slice(s.lastIndexOf(')') + 2).split(' ')[19]; };
const worker = spawn(process.execPath, ['-e',
  "require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']); setInterval(() => {}, 1000)"],
  { detached: true, stdio: 'ignore', env: { ...process.env, ${SUPERVISED_VARIABLE}: process.env.PLUMBLINE_HOME } });
const write = (state) => {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file + '.new', JSON.stringify({
    supervisor: { pid: process.pid, startTime: startTime(process.pid) }, state, startedAt: new Date().toISOString(),
    problem: null, apiUrl: 'http://127.0.0.1:1',
    services: [{ name: 'gpu-worker', state: 'running', address: null, restarts: 0, detail: null,
      process: { pid: worker.pid, startTime: startTime(worker.pid) } }] }));
  renameSync(file + '.new', file);
};
process.on('SIGTERM', () => { process.kill(-worker.pid, 'SIGKILL'); write('stopped'); process.exit(0); });
write('starting');
setTimeout(() => write('running'), 300);
setInterval(() => {}, 1000);
`;
const FAILING = `console.error('no room'); process.exit(1);`;

let home: string;
let settings: Environment;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'plumbline-home-'));
  settings = environment({ PLUMBLINE_HOME: home });
});
afterEach(async () => {
  const supervisor = readState(home)?.supervisor;
  if (supervisor && supervisor.pid !== process.pid && isAlive(supervisor.pid))
    process.kill(supervisor.pid, 'SIGKILL');
  for (const pid of await leftovers()) process.kill(pid, 'SIGKILL');
  await rm(home, { recursive: true, force: true });
});

function leftovers(): Promise<number[]> {
  return processesWithEnvironment(SUPERVISED_VARIABLE, home);
}

function program(source: string): { program: readonly string[] } {
  const file = join(home, 'supervisor.mjs');
  writeFileSync(file, source);
  return { program: [file, stateFile(home)] };
}

async function gpuWorker() {
  const statuses = await serviceStatuses(home);
  return statuses.find(({ name }) => name === 'gpu-worker');
}

it('starts once, reports a second start, and stops everything', async () => {
  const states: string[] = [];
  const watcher = { ...program(SUPERVISOR), onState: ({ state }: { state: string }) => states.push(state) };
  expect(await bringUp(settings, watcher)).toBe('started');
  expect(states).toEqual(['starting', 'running']);
  expect(await runningApiUrl(home)).toBe('http://127.0.0.1:1');
  const first = readState(home)?.supervisor.pid;

  expect(await bringUp(settings, watcher)).toBe('already-running');
  expect(readState(home)?.supervisor.pid).toBe(first);
  expect(await gpuWorker()).toMatchObject({ state: 'running', pid: expect.any(Number) as number });
  await expect.poll(leftovers, { timeout: 10_000 }).toHaveLength(2);

  expect(await bringDown(settings)).toBe(true);
  expect(await leftovers()).toEqual([]);
  expect(await runningApiUrl(home)).toBeNull();
  expect(await gpuWorker()).toEqual({ name: 'gpu-worker', state: 'stopped', address: null, pid: null });
  expect(await bringDown(settings)).toBe(false);
});

it('lets one of several concurrent starts do it', async () => {
  const watcher = program(SUPERVISOR);
  const outcomes = await Promise.all([1, 2, 3].map(() => bringUp(settings, watcher)));
  expect(outcomes.sort()).toEqual(['already-running', 'already-running', 'started']);
  await expect.poll(leftovers, { timeout: 10_000 }).toHaveLength(2);
});

it('after kill -9 of the supervisor ends what it left, and starts anew', async () => {
  const watcher = program(SUPERVISOR);
  await bringUp(settings, watcher);
  const before = readState(home)?.supervisor.pid ?? 0;
  const orphans = await leftovers();
  process.kill(before, 'SIGKILL');
  await sleep(100);
  expect(await gpuWorker()).toMatchObject({ state: 'running' });
  expect(await runningApiUrl(home)).toBeNull();

  expect(await bringUp(settings, watcher)).toBe('started');
  expect(readState(home)?.supervisor.pid).not.toBe(before);
  await expect.poll(leftovers, { timeout: 10_000 }).toHaveLength(2);
  const now = await leftovers();
  expect(orphans.filter((pid) => now.includes(pid))).toEqual([]);
});

it('after kill -9 of the supervisor stops what it left', async () => {
  await bringUp(settings, program(SUPERVISOR));
  process.kill(readState(home)?.supervisor.pid ?? 0, 'SIGKILL');
  await sleep(100);
  expect(await bringDown(settings)).toBe(true);
  expect(await leftovers()).toEqual([]);
});

it('does not take a stranger with a recorded pid for its own', async () => {
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(stranger, 'spawn');
  const identity = { ...(await identify(stranger.pid ?? 0)), startTime: '1' };
  mkdirSync(join(home, 'run'), { recursive: true });
  writeState(home, {
    supervisor: identity,
    state: 'running',
    startedAt: '',
    problem: null,
    apiUrl: 'http://127.0.0.1:1',
    services: [
      { name: 'gpu-worker', state: 'running', address: null, process: identity, restarts: 0, detail: null },
    ],
  });
  try {
    expect(await runningApiUrl(home)).toBeNull();
    expect(await gpuWorker()).toMatchObject({ state: 'stopped' });
    expect(await bringDown(settings)).toBe(false);
    expect(isAlive(stranger.pid ?? 0)).toBe(true);
  } finally {
    stranger.kill('SIGKILL');
  }
});

it('says why it could not start', async () => {
  await expect(bringUp(settings, program(FAILING))).rejects.toThrow(
    /the supervisor ended unexpectedly\n.*no room/s,
  );
});

it('names the port that was asked for and is taken', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as { port: number }).port;
  try {
    const asked = environment({ PLUMBLINE_HOME: home, PLUMBLINE_API_PORT: String(port) });
    await expect(bringUp(asked, program(SUPERVISOR))).rejects.toThrow(
      new RegExp(`port ${String(port)} .*PLUMBLINE_API_PORT.* in use`),
    );
    expect(await leftovers()).toEqual([]);
  } finally {
    server.close();
  }
});
