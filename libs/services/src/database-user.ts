import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Launch } from './launch.js';
import { ServicesError } from './services-error.js';

const run = promisify(execFile);

/** The system user that Postgres runs as when we are root, because Postgres refuses to be root. */
export interface DatabaseUser {
  readonly uid: number;
  readonly gid: number;
}

/** Null when we are not root (Postgres then runs as ourselves). Creates the user `postgres` where there is none. */
export async function databaseUser(): Promise<DatabaseUser | null> {
  if (process.getuid?.() !== 0) return null;
  const existing = await findUser();
  if (existing) return existing;
  try {
    await run('groupadd', ['--force', '--system', 'postgres']);
    await run('useradd', ['--system', '--gid', 'postgres', '--no-create-home', 'postgres']);
  } catch (cause) {
    // Two that start at once both try; one of them succeeds.
    const other = await findUser();
    if (other) return other;
    throw new ServicesError(
      'no-database-user',
      'Postgres does not run as root, and a system user `postgres` for it could not be created; create one or start as another user',
      { cause },
    );
  }
  const created = await findUser();
  if (!created)
    throw new ServicesError('no-database-user', 'the system user `postgres` was created but is not found');
  return created;
}

async function findUser(): Promise<DatabaseUser | null> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  for (const line of passwd.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name === 'postgres') return { uid: Number(uid), gid: Number(gid) };
  }
  return null;
}

/**
 * The launch as that user. A checkout below a directory that other users may not enter (root's home, `mktemp -d`)
 * cannot be reached by it; there the user keeps root's right to pass directories and nothing else.
 *
 * @param paths files and directories that the program must reach
 */
export async function asDatabaseUser(
  launch: Launch,
  user: DatabaseUser | null,
  paths: readonly string[],
): Promise<Launch> {
  if (!user) return launch;
  if (await canReach(user, paths)) return { ...launch, uid: user.uid, gid: user.gid };
  const keeping = [
    `--reuid=${String(user.uid)}`,
    `--regid=${String(user.gid)}`,
    '--clear-groups',
    '--inh-caps=+dac_override,+dac_read_search',
    '--ambient-caps=+dac_override,+dac_read_search',
  ];
  const unreachable = new ServicesError(
    'unreachable-directory',
    `Postgres runs as the user \`postgres\`, which may not enter the directories above ${paths.join(' or ')}; ` +
      'move the checkout, or set PLUMBLINE_HOME to a directory that other users may enter',
  );
  try {
    await run('setpriv', [...keeping, '/usr/bin/env', 'test', '-x', paths[0] ?? '/']);
  } catch {
    throw unreachable;
  }
  return { ...launch, command: 'setpriv', args: [...keeping, launch.command, ...launch.args] };
}

async function canReach(user: DatabaseUser, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    // Asked of the system rather than computed from mode bits, which are not the whole truth (ACLs, mounts).
    const reached = await run('test', ['-r', path], { uid: user.uid, gid: user.gid, cwd: '/' }).then(
      () => true,
      () => false,
    );
    if (!reached && (await exists(path))) return false;
  }
  return true;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
