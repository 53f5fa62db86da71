import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childEnvironment } from '@plumbline/config';
import pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { spawnLaunch } from './launch.js';
import { freePort } from './ports.js';
import {
  databaseUrl,
  ensureDatabase,
  generatePassword,
  OWNER_ROLE,
  preparePostgres,
  waitForPostgres,
  type DatabasePasswords,
} from './postgres.js';
import { identify, isStillRunning, stopProcess, type ProcessIdentity } from './process-control.js';

let folder: string;
let port: number;
let passwords: DatabasePasswords;
let started: ProcessIdentity[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plumbline-cluster-'));
  await chmod(folder, 0o755);
  port = await freePort();
  passwords = { superuser: generatePassword(), owner: generatePassword(), application: generatePassword() };
  started = [];
});
afterEach(async () => {
  for (const server of started) await stopProcess(server, { signal: 'SIGINT' });
  await rm(folder, { recursive: true, force: true });
});

/** Throw-away unless `durable`: what is committed is then not always written yet. */
async function start({ directory = folder, durable = false } = {}): Promise<ProcessIdentity> {
  const address = { port, superuserPassword: passwords.superuser };
  const launch = await preparePostgres({ directory, ...address, durable, env: childEnvironment() });
  const child = spawnLaunch(launch, 'ignore');
  await once(child, 'spawn');
  const server = await identify(child.pid ?? 0);
  started.push(server);
  await waitForPostgres(address, 30_000);
  await ensureDatabase(address, passwords);
  return server;
}

async function asOwner(text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: databaseUrl(port, OWNER_ROLE, passwords.owner) });
  await client.connect();
  try {
    return (await client.query(text)).rows as unknown[];
  } finally {
    await client.end();
  }
}

it('starts again after kill -9 with everything committed', async () => {
  const first = await start({ durable: true });
  await asOwner('CREATE TABLE kept AS SELECT 42 AS answer');
  process.kill(first.pid, 'SIGKILL');
  await start({ durable: true });
  expect(await asOwner('SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

it('ends a server that was left behind and takes its cluster', async () => {
  const orphan = await start();
  await asOwner('CREATE TABLE kept AS SELECT 42 AS answer');
  await start();
  expect(await isStillRunning(orphan)).toBe(false);
  expect(await asOwner('SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

it('is not held up by a pid file that names somebody else', async () => {
  const first = await start();
  await stopProcess(first, { signal: 'SIGINT' });
  await writeFile(
    join(folder, 'data', 'postmaster.pid'),
    `${String(process.pid)}\n${join(folder, 'data')}\n`,
  );
  await start();
  expect(await asOwner('SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

it('begins anew when a first start was killed half way', async () => {
  await mkdir(join(folder, 'data.partial', 'base'), { recursive: true });
  await mkdir(join(folder, 'data'));
  await start();
  expect(await asOwner('SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

it('lies in a directory that nobody else may enter, and lets nobody else in', async () => {
  await chmod(folder, 0o700);
  await start({ directory: join(folder, 'inner') });
  expect(await asOwner('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
});

it('asks for a password on its one address', async () => {
  await start();
  const guess = new pg.Client({ connectionString: databaseUrl(port, OWNER_ROLE, 'guess') });
  await expect(guess.connect()).rejects.toThrow(/password authentication failed/);
});
