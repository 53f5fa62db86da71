import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { asDatabaseUser, databaseUser } from './database-user.js';
import type { Launch } from './launch.js';
import { LOOPBACK } from './ports.js';
import { postgresBinaries } from './postgres-binaries.js';
import { commandLineOf, identify, stopProcess } from './process-control.js';
import { ServicesError } from './services-error.js';

const run = promisify(execFile);

export const SUPERUSER = 'postgres';
/** Owns the database and runs the migrations. */
export const OWNER_ROLE = 'plumbline_owner';
/** What the application connects as; cannot rewrite the record. */
export const APPLICATION_ROLE = 'plumbline_app';
export const DATABASE_NAME = 'plumbline';

export interface DatabasePasswords {
  readonly superuser: string;
  readonly owner: string;
  readonly application: string;
}

export interface PostgresOptions {
  /** Holds the cluster in `data/`; created when missing. */
  readonly directory: string;
  readonly port: number;
  readonly superuserPassword: string;
  /** False only for throw-away databases: no fsync, so a crash of the machine may lose everything. */
  readonly durable?: boolean;
  /** Environment of Postgres itself. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function generatePassword(): string {
  return randomBytes(24).toString('base64url');
}

/**
 * Makes a database cluster ready to start: initialises it on first use, ends an orphaned server that still holds it
 * and removes a stale pid file.
 *
 * @returns how to launch it; it listens on 127.0.0.1 alone and is stopped by SIGINT
 */
export async function preparePostgres(options: PostgresOptions): Promise<Launch> {
  const binaries = await postgresBinaries();
  const user = await databaseUser();
  const data = join(options.directory, 'data');
  await mkdir(options.directory, { recursive: true });
  if (!(await exists(join(data, 'PG_VERSION')))) await initialise(binaries.initdb, data, options);
  await releaseCluster(data);
  const durability =
    options.durable === false ? ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'] : [];
  const settings = [
    `listen_addresses=${LOOPBACK}`,
    'unix_socket_directories=',
    'max_connections=200',
    'log_min_messages=warning',
    'log_line_prefix=%m [%p] %u ',
    ...durability,
  ];
  const launch: Launch = {
    command: binaries.postgres,
    args: ['-D', data, '-p', String(options.port), ...settings.flatMap((setting) => ['-c', setting])],
    cwd: '/',
    env: { ...options.env, LC_ALL: 'C' },
  };
  return asDatabaseUser(launch, user, [binaries.postgres, data]);
}

/** Into a temporary directory that is renamed when complete, so that a killed first start leaves nothing half made. */
async function initialise(initdb: string, data: string, options: PostgresOptions): Promise<void> {
  const user = await databaseUser();
  const partial = `${data}.partial`;
  await rm(data, { recursive: true, force: true });
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  const passwordFile = join(tmpdir(), `plumbline-${randomBytes(9).toString('hex')}`);
  await writeFile(passwordFile, `${options.superuserPassword}\n`, { mode: 0o600 });
  try {
    if (user) {
      await chown(partial, user.uid, user.gid);
      await chown(passwordFile, user.uid, user.gid);
    }
    const launch = await asDatabaseUser(
      {
        command: initdb,
        args: [
          `--pgdata=${partial}`,
          `--username=${SUPERUSER}`,
          `--pwfile=${passwordFile}`,
          '--auth=scram-sha-256',
          '--encoding=UTF8',
          '--locale=C',
          // Letters beyond ASCII, without depending on the machine's locales.
          '--locale-provider=builtin',
          '--builtin-locale=C.UTF-8',
          ...(options.durable === false ? ['--no-sync'] : []),
        ],
        cwd: '/',
        env: { ...options.env, LC_ALL: 'C' },
      },
      user,
      [initdb, partial],
    );
    await run(launch.command, [...launch.args], {
      cwd: launch.cwd,
      env: launch.env,
      ...(launch.uid === undefined ? {} : { uid: launch.uid, gid: launch.gid }),
    });
    await rename(partial, data);
  } catch (cause) {
    if (cause instanceof ServicesError) throw cause;
    const reason = (cause as { stderr?: string }).stderr?.trim() ?? String(cause);
    throw new ServicesError('child-failed', `Postgres could not be initialised in ${data}: ${reason}`, {
      cause,
    });
  } finally {
    await rm(passwordFile, { force: true });
    await rm(partial, { recursive: true, force: true });
  }
}

/** After `kill -9` of a supervisor its Postgres may still hold the cluster, or its pid file may name somebody else. */
async function releaseCluster(data: string): Promise<void> {
  const pidFile = join(data, 'postmaster.pid');
  const content = await readFile(pidFile, 'utf8').catch(() => null);
  if (content === null) return;
  const pid = Number(content.split('\n')[0]);
  const commandLine = Number.isInteger(pid) && pid > 0 ? await commandLineOf(pid) : null;
  if (commandLine?.includes(data))
    await stopProcess(await identify(pid), { signal: 'SIGINT', graceMs: 15_000 });
  await rm(pidFile, { force: true });
}

export interface PostgresAddress {
  readonly port: number;
  readonly superuserPassword: string;
}

/** Resolves when the server answers queries. @throws ServicesError `not-ready` */
export async function waitForPostgres(address: PostgresAddress, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      await withSuperuser(address, 'postgres', (client) => client.query('SELECT 1'));
      return;
    } catch (cause) {
      if (Date.now() >= deadline)
        throw new ServicesError(
          'not-ready',
          `Postgres on port ${String(address.port)} does not answer after ${String(timeoutMs / 1000)} s: ${String(cause)}`,
          { cause },
        );
      await sleep(50);
    }
  }
}

/** Creates the two roles and the database that the owner owns, or brings their passwords up to date. */
export async function ensureDatabase(address: PostgresAddress, passwords: DatabasePasswords): Promise<void> {
  await withSuperuser(address, 'postgres', async (client) => {
    const roles = [
      [OWNER_ROLE, passwords.owner],
      [APPLICATION_ROLE, passwords.application],
    ] as const;
    for (const [role, password] of roles) {
      const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
      const verb = rowCount ? 'ALTER' : 'CREATE';
      await client.query(`${verb} ROLE ${role} LOGIN PASSWORD ${client.escapeLiteral(password)}`);
    }
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE_NAME]);
    if (!rowCount) await client.query(`CREATE DATABASE ${DATABASE_NAME} OWNER ${OWNER_ROLE}`);
    await client.query(`REVOKE ALL ON DATABASE ${DATABASE_NAME} FROM PUBLIC`);
    await client.query(`GRANT CONNECT ON DATABASE ${DATABASE_NAME} TO ${APPLICATION_ROLE}`);
  });
}

/** The connection URL of a role in the Plumbline database. */
export function databaseUrl(port: number, role: string, password: string): string {
  return `postgres://${role}:${encodeURIComponent(password)}@${LOOPBACK}:${String(port)}/${DATABASE_NAME}`;
}

async function withSuperuser<T>(
  address: PostgresAddress,
  database: string,
  act: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    host: LOOPBACK,
    port: address.port,
    user: SUPERUSER,
    password: address.superuserPassword,
    database,
    connectionTimeoutMillis: 5000,
  });
  // A server that goes away reports it here too; the pending query rejects in any case.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await act(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
