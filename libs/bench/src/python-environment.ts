/** The peers' Pythons: virtual environments of the bench's own, with exactly the pinned packages, each made once. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BenchUsageError, type BenchContext } from './bench.js';

/**
 * Peers of the same packages share an environment: `transformers` and PyTorch as they are now; `trl`, the last one with
 * PPO, with PyTorch and transformers of the day it appeared.
 */
const PACKAGES = {
  transformers: {
    requirements: 'requirements.txt',
    directory: 'python',
    modules: ['torch', 'transformers'],
    what: 'PyTorch and transformers',
  },
  trl: {
    requirements: 'requirements-trl.txt',
    directory: 'python-trl',
    modules: ['torch', 'transformers', 'trl'],
    what: 'TRL, and PyTorch and transformers of its day',
  },
} as const;
export type PeerPackages = keyof typeof PACKAGES;

/** The pinned NumPy wants it. */
const OLDEST_PYTHON = [3, 11] as const;

const run = promisify(execFile);

/** The interpreter of packages and a context asked for once a process, so that what is wrong is said once. */
const known = new Map<string, Promise<string | null>>();

/**
 * The interpreter that runs the peers. The first call installs them below the context's home (some 4 GB and a few
 * minutes); a marker holds the hash of what was installed, and a half-made environment is made again.
 *
 * @returns null where there is no usable Python or the packages cannot be installed, after a remark saying which
 * @throws BenchUsageError when the interpreter that was asked for does not have the peers' packages
 */
export function ensurePython(context: BenchContext, packages: PeerPackages): Promise<string | null> {
  const key = `${packages}\n${context.python ?? ''}\n${context.home}`;
  const found = known.get(key) ?? findOrMake(context, packages);
  known.set(key, found);
  return found;
}

async function findOrMake(context: BenchContext, packages: PeerPackages): Promise<string | null> {
  if (context.python !== undefined) {
    try {
      return await usable(context.python, packages);
    } catch (error) {
      throw new BenchUsageError(`--python ${context.python}: ${explain(error)}`);
    }
  }
  try {
    return await make(context, packages);
  } catch (error) {
    context.remark(`The peers cannot run: ${explain(error)}`);
    return null;
  }
}

/** Where the environment of these packages is, whether or not it has been made. */
export function environmentDirectory(home: string, packages: PeerPackages): string {
  return join(home, 'bench', PACKAGES[packages].directory);
}

/** The interpreter, if the environment is complete and of the packages as they are pinned now. */
export async function installedPython(home: string, packages: PeerPackages): Promise<string | null> {
  const directory = environmentDirectory(home, packages);
  const marker = await readFile(join(directory, 'installed'), 'utf8').catch(() => null);
  return marker === (await requirementsHash(packages)) ? interpreterOf(directory) : null;
}

async function make(context: BenchContext, packages: PeerPackages): Promise<string> {
  const existing = await installedPython(context.home, packages);
  if (existing !== null) return existing;
  const version = await systemPython();
  const directory = environmentDirectory(context.home, packages);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const say = (done: number, what: string) =>
    context.progress({ phase: `Python ${version} for the peers: ${what}`, done, total: 2 });
  say(0, 'making an environment');
  await run('python3', ['-m', 'venv', directory]);
  say(1, `installing ${PACKAGES[packages].what} (some 4 GB, once)`);
  const python = interpreterOf(directory);
  await run(
    python,
    [
      '-m',
      'pip',
      'install',
      '--no-deps',
      '--no-cache-dir',
      '--progress-bar',
      'off',
      '-r',
      requirementsOf(packages),
    ],
    { maxBuffer: 2 ** 26 },
  );
  await usable(python, packages);
  await writeFile(join(directory, 'installed'), await requirementsHash(packages));
  return python;
}

/** @throws when the interpreter does not load the peers' libraries */
async function usable(python: string, packages: PeerPackages): Promise<string> {
  await access(python);
  await run(python, ['-c', `import ${PACKAGES[packages].modules.join(', ')}`]);
  return python;
}

/** @returns its version @throws Error when there is none, or one too old */
async function systemPython(): Promise<string> {
  const { stdout } = await run('python3', ['-c', 'import sys, venv; print(*sys.version_info[:2], sep=".")']);
  const [major = 0, minor = 0] = stdout.trim().split('.').map(Number);
  if (major !== OLDEST_PYTHON[0] || minor < OLDEST_PYTHON[1]) {
    throw new Error(`python3 is ${stdout.trim()}; the peers need ${OLDEST_PYTHON.join('.')} or newer`);
  }
  return stdout.trim();
}

function interpreterOf(directory: string): string {
  return join(directory, 'bin', 'python');
}

function requirementsOf(packages: PeerPackages): string {
  return fileURLToPath(new URL(`../peers/${PACKAGES[packages].requirements}`, import.meta.url));
}

async function requirementsHash(packages: PeerPackages): Promise<string> {
  return createHash('sha256')
    .update(await readFile(requirementsOf(packages)))
    .digest('hex');
}

/** The last lines of what a command printed say most; its own message repeats the command line. */
function explain(error: unknown): string {
  const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
  if (code === 'ENOENT') return `${(error as NodeJS.ErrnoException).path} does not exist`;
  const printed = stderr?.trim().split('\n').slice(-3).join('\n  ');
  return printed ? printed : message;
}
