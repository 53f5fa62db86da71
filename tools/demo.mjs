#!/usr/bin/env node
/**
 * From a fresh clone to a finished run: set-up, build, services, one run of a preset with its progress, a summary.
 * Exits 0 only if every step completed. Running it again reuses the set-up.
 *
 *   npm run demo [-- --profile smoke|demo] [-- --set path=value]
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap } from './bootstrap.mjs';
import { build } from './build.mjs';
import { home, ROOT } from './lib/paths.mjs';
import { seconds } from './lib/progress.mjs';
import { runMain, SetUpError } from './lib/set-up-error.mjs';
import { summarise } from './lib/summary.mjs';

const PROFILES = ['smoke', 'demo'];

/** Runs the command line with its progress on our stderr; resolves to what it printed. */
function plumbline(...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'plumbline.js'), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

async function main() {
  const { values } = parseArgs({
    options: { profile: { type: 'string', default: 'demo' }, set: { type: 'string', multiple: true } },
  });
  if (!PROFILES.includes(values.profile)) {
    console.error(`no profile called ${values.profile}; there are ${PROFILES.join(', ')}`);
    process.exitCode = 2;
    return;
  }
  await bootstrap();
  // Services that run from before would go on with the old code; their runs continue from the last checkpoint.
  if (await build()) await plumbline('down', '--json');

  const up = await plumbline('up', '--json');
  if (up.code !== 0) throw new SetUpError('The services did not start.');
  const started = Date.now();
  const overrides = (values.set ?? []).flatMap((override) => ['--set', override]);
  const result = await plumbline('run', 'start', values.profile, ...overrides, '--wait', '--json');
  if (result.output === '') {
    process.exitCode = result.code;
    return;
  }
  const run = JSON.parse(result.output);
  const { apiUrl } = JSON.parse(readFileSync(join(home(), 'run', 'services.json'), 'utf8'));
  const report = run.report ? JSON.parse(readFileSync(run.report.replace(/\.html$/, '.json'), 'utf8')) : null;
  console.log(`\n${summarise(run, report)}\n`);
  console.log(`time        ${seconds(Date.now() - started)}`);
  if (run.report) console.log(`report      ${run.report}`);
  console.log(`web app     ${apiUrl}`);
  console.log(`accounts    ${join(home(), 'credentials.json')}`);
  console.log('stop with   npx plumbline down');
  const complete = run.status === 'completed' && run.steps.every(({ status }) => status === 'completed');
  if (!complete) process.exitCode = 1;
}

await runMain(main);
