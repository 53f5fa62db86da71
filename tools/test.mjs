#!/usr/bin/env node
/**
 * Sets up what is missing, builds, and runs every check and test. The last line is `N passed, N failed`; lint and types
 * count as one each. Exit code 1 when anything failed.
 *
 *   node tools/test.mjs [--only lint,types,unit,integration,workflows,browser]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { bootstrap } from './bootstrap.mjs';
import { build } from './build.mjs';
import { ensureChromium } from './lib/chromium.mjs';
import { NODE_MODULES, ROOT } from './lib/paths.mjs';
import { seconds } from './lib/progress.mjs';
import { runMain, SetUpError } from './lib/set-up-error.mjs';
import { countTests, failures } from './lib/test-count.mjs';

const PARTS = {
  lint: async () => {
    // Without Nx's graph of the packages ESLint would skip the rule about who may import whom.
    const graph = await check('nx', 'nx/dist/bin/nx.js', ['show', 'projects']);
    return graph.failed ? graph : check('eslint', 'eslint/bin/eslint.js', ['.', '--max-warnings=0']);
  },
  types: () => check('tsc', 'typescript/bin/tsc', ['-p', 'tsconfig.tests.json']),
  unit: () => vitest('unit'),
  integration: () => vitest('integration'),
  workflows: () => vitest('workflows'),
  browser: async () => {
    await ensureChromium();
    return vitest('browser');
  },
};

async function check(name, program, args) {
  const code = await run(program, args);
  if (code !== 0) console.error(`${name} found problems`);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function vitest(project) {
  const folder = mkdtempSync(join(tmpdir(), 'plumbline-tests-'));
  const report = join(folder, 'report.json');
  try {
    const code = await run('vitest/vitest.mjs', [
      'run',
      `--project=${project}`,
      '--passWithNoTests',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ]);
    const result = readReport(report);
    return { ...countTests(result, code), reasons: failures(result) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** Its output is ours, on stderr, so that stdout holds nothing but the count. */
function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(NODE_MODULES, program), ...args], {
      cwd: ROOT,
      stdio: ['ignore', process.stderr, process.stderr],
      env: { ...process.env, NX_DAEMON: 'false' },
    });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

async function main() {
  const { values } = parseArgs({ options: { only: { type: 'string' } } });
  const wanted = values.only?.split(',') ?? Object.keys(PARTS);
  const unknown = wanted.filter((name) => !(name in PARTS));
  if (unknown.length > 0)
    throw new SetUpError(`no part called ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`);
  await bootstrap();
  await build();
  const total = { passed: 0, failed: 0 };
  const lines = [];
  for (const name of wanted) {
    const started = Date.now();
    console.error(`\n── ${name}`);
    const { passed, failed, reasons = [] } = await PARTS[name]();
    total.passed += passed;
    total.failed += failed;
    lines.push(`${name.padEnd(12)} ${passed} passed, ${failed} failed (${seconds(Date.now() - started)})`);
    lines.push(...reasons.map((reason) => `  ✗ ${reason.replace(`${ROOT}/`, '')}`));
  }
  console.error(`\n${lines.join('\n')}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  if (total.failed > 0) process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runMain(async () => {
    try {
      await main();
    } catch (error) {
      // Nothing could be tested; the count still ends the output.
      console.error(error instanceof SetUpError ? error.message : error);
      console.log('0 passed, 1 failed');
      process.exitCode = 1;
    }
  });
}
