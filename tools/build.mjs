#!/usr/bin/env node
/**
 * Compiles everything that runs: TypeScript, the workflow bundle, the web app. Each part is skipped when nothing that
 * goes into it has changed since it was last built.
 *
 *   node tools/build.mjs [--force]
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { fingerprint } from './lib/fingerprint.mjs';
import { NODE_MODULES, ROOT } from './lib/paths.mjs';
import { showProgress } from './lib/progress.mjs';
import { CommandError, runCommand } from './lib/run-command.mjs';
import { runMain, SetUpError } from './lib/set-up-error.mjs';

const TYPESCRIPT = ['libs', 'apps', 'workflows', 'migrations', 'tsconfig.base.json', 'tsconfig.json'];
const EVERYWHERE = ['package-lock.json'];

/** In order: each part may use what the ones before it made. */
const PARTS = [
  {
    name: 'typescript',
    title: 'Compiling',
    inputs: [...TYPESCRIPT, ...EVERYWHERE],
    outputs: ['apps/cli/dist/main.js', 'apps/api/dist/main.js', 'libs/services/dist/index.js'],
    build: () => runCommand(process.execPath, [binary('typescript', 'bin/tsc'), '-b'], { cwd: ROOT }),
  },
  {
    name: 'workflows',
    title: 'Bundling workflows',
    inputs: ['workflows', 'libs/contracts', ...EVERYWHERE],
    outputs: [],
    build: () => runCommand(process.execPath, [join(ROOT, 'workflows/scripts/bundle.mjs')], { cwd: ROOT }),
    exists: () => existsSync(join(ROOT, 'workflows/scripts/bundle.mjs')),
  },
  {
    name: 'web',
    title: 'Building the web app',
    inputs: ['apps/web', 'libs/api-client', 'libs/contracts', ...EVERYWHERE],
    outputs: ['apps/web/dist/index.html'],
    build: () =>
      runCommand(process.execPath, [binary('vite', 'bin/vite.js', 'apps/web'), 'build'], {
        cwd: join(ROOT, 'apps/web'),
      }),
  },
];

/** @returns whether anything had to be built */
export async function build({ force = false } = {}) {
  let built = false;
  for (const part of PARTS) {
    if (part.exists && !part.exists()) continue;
    const stamp = join(NODE_MODULES, '.cache', 'plumbline', `${part.name}.built`);
    const now = fingerprint(ROOT, part.inputs);
    const complete = part.outputs.every((output) => existsSync(join(ROOT, output)));
    if (!force && complete && existsSync(stamp) && readFileSync(stamp, 'utf8') === now) continue;
    built = true;
    rmSync(stamp, { force: true });
    try {
      await showProgress(part.title, () => part.build());
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new SetUpError(`${part.title} failed:\n${error.output}`, { cause: error });
    }
    mkdirSync(dirname(stamp), { recursive: true });
    writeFileSync(stamp, now);
  }
  return built;
}

function binary(name, path, from = '.') {
  const require = createRequire(join(ROOT, from, 'package.json'));
  return join(dirname(require.resolve(`${name}/package.json`)), path);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runMain(async () => {
    const { values } = parseArgs({ options: { force: { type: 'boolean' } } });
    await build({ force: values.force ?? false });
  });
}
