import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NODE_MODULES, ROOT } from './paths.mjs';
import { showProgress } from './progress.mjs';
import { runCommand, CommandError } from './run-command.mjs';
import { SetUpError } from './set-up-error.mjs';

/** npm's own account of what it has put into node_modules; it is written last, so a killed install has none. */
const INSTALLED = join(NODE_MODULES, '.package-lock.json');
const LOCKFILE = join(ROOT, 'package-lock.json');

/** Installs exactly what the lockfile says, unless that is what is there. */
export async function ensurePackages() {
  if (packagesMatch(readJson(LOCKFILE), readJson(INSTALLED))) {
    linkCommand();
    return;
  }
  await showProgress('Installing npm packages (npm ci)', async (report) => {
    try {
      await runCommand('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=http'], {
        cwd: ROOT,
        onLine: countPackages(report),
      });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new SetUpError(`npm ci failed; is the npm registry reachable?\n${error.message}`, {
        cause: error,
      });
    }
  });
  linkCommand();
}

/** The reasons come first; the usage that follows them is long. */
function npmErrors(output) {
  const errors = output
    .split('\n')
    .filter((line) => line.startsWith('npm error') && line.length > 'npm error '.length);
  return errors.slice(0, 12).join('\n') || output;
}

function countPackages(report) {
  let fetched = 0;
  return (line) => {
    if (line.includes('http fetch GET') || line.includes('http cache'))
      report(`${++fetched} packages fetched`);
  };
}

/**
 * Whether an installation is what a lockfile asks for. Optional packages (other platforms' binaries) may be absent.
 *
 * @param {{ packages?: Record<string, { version?: string, link?: boolean, optional?: boolean, devOptional?: boolean, resolved?: string }> } | null} lockfile
 * @param {typeof lockfile} installed node_modules/.package-lock.json
 */
export function packagesMatch(lockfile, installed) {
  if (!lockfile?.packages || !installed?.packages) return false;
  for (const [path, wanted] of Object.entries(lockfile.packages)) {
    if (path === '' || !path.includes('node_modules/')) continue;
    const present = installed.packages[path];
    if (
      present ? present.version !== wanted.version : !(wanted.optional || wanted.devOptional || wanted.peer)
    )
      return false;
  }
  return true;
}

/** npm links the commands of dependencies but not of the root package. */
function linkCommand() {
  const link = join(NODE_MODULES, '.bin', 'plumbline');
  if (exists(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join('..', '..', 'bin', 'plumbline.js'), link);
}

function exists(path) {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}
