import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { home } from './paths.mjs';
import { showProgress } from './progress.mjs';
import { runCommand, works } from './run-command.mjs';
import { SetUpError } from './set-up-error.mjs';

/** Newer tags have a replace directive in go.mod, which `go install` refuses. */
const VERSION = 'v1.5.1';
const NAME = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

/** Makes a `temporal` command available: on PATH, else in PLUMBLINE_HOME/bin. */
export async function ensureTemporal() {
  if (process.env.TEMPORAL_ADDRESS) return;
  const installed = join(home(), 'bin', NAME);
  if (isOnPath() || existsSync(installed)) return;
  mkdirSync(join(home(), 'bin'), { recursive: true });
  const refusals = [];
  for (const [title, install] of [
    ['Downloading the Temporal server', downloadWithSdk],
    [`Building the Temporal server (go install, about 3 minutes)`, buildWithGo],
  ]) {
    const partial = join(home(), 'bin', 'temporal.partial');
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial);
    try {
      await showProgress(title, async (report) => {
        const file = await install(partial, report);
        chmodSync(file, 0o755);
        if (!(await works(file, ['--version']))) throw new Error(`${file} does not run`);
        renameSync(file, installed);
      });
      return;
    } catch (error) {
      refusals.push(`${title}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      removeTree(partial);
    }
  }
  throw new SetUpError(
    [
      'No Temporal server could be had:',
      ...refusals.map((refusal, index) => `${index + 1}. ${refusal}`),
      'Put the `temporal` command (github.com/temporalio/cli) on PATH, or install Go, or set TEMPORAL_ADDRESS to a server',
      'of your own; then run `npm run bootstrap` again.',
    ].join('\n'),
  );
}

function isOnPath() {
  const directories = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return directories.some((directory) => existsSync(join(directory, NAME)));
}

/** The Temporal SDK fetches the server for its tests; started once, it leaves the binary behind. */
async function downloadWithSdk(directory) {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', version: VERSION, downloadDir: directory } },
  });
  await environment.teardown();
  const file = readdirSync(directory).find((name) => name.startsWith('temporal'));
  if (!file) throw new Error('the SDK left no binary behind');
  copyFileSync(join(directory, file), join(directory, NAME));
  return join(directory, NAME);
}

async function buildWithGo(directory, report) {
  if (!(await works('go', ['version']))) throw new Error('there is no `go` command');
  let modules = 0;
  await runCommand('go', ['install', '-v', `github.com/temporalio/cli/cmd/temporal@${VERSION}`], {
    env: { ...process.env, GOBIN: directory, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' },
    onLine: (line) => {
      modules += 1;
      report(`${modules} packages, ${line.slice(0, 60)}`);
    },
  });
  return join(directory, NAME);
}

/** Go writes its caches read-only. */
function removeTree(directory) {
  rmSync(directory, { recursive: true, force: true });
}
