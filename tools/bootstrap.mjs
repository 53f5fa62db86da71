#!/usr/bin/env node
/**
 * Makes a fresh clone ready to build and run. May be repeated at any time and does only what is missing; a killed one
 * is repaired by the next. Imports nothing outside Node itself, since it runs before `npm ci`.
 *
 *   node tools/bootstrap.mjs [--gpu [--no-cuda]] [--check]
 *
 * --gpu      tfjs-node-gpu too (also with PLUMBLINE_DEVICE=gpu), with CUDA and cuDNN
 * --no-cuda  without these: the system has them, or TensorFlow is to run on the CPU
 * --check    loads TensorFlow even if nothing has changed
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureCuda } from './lib/cuda.mjs';
import { withLock } from './lib/lock.mjs';
import { ensurePackages } from './lib/packages.mjs';
import { home } from './lib/paths.mjs';
import { showProgress } from './lib/progress.mjs';
import { runMain, SetUpError } from './lib/set-up-error.mjs';
import { checkLoads, ensureTensorFlow, libraryDirectory } from './lib/tensorflow.mjs';
import { ensureTemporal } from './lib/temporal.mjs';

const OLDEST_NODE = [20, 19];

/** @param {{ devices?: ('cpu' | 'gpu')[], cuda?: boolean, check?: boolean }} [options] */
export async function bootstrap({ devices = defaultDevices(), cuda = true, check = false } = {}) {
  requireNode(process.versions.node);
  mkdirSync(home(), { recursive: true });
  await withLock(
    join(home(), 'bootstrap.lock'),
    () => console.error('Another bootstrap is at work here; waiting for it.'),
    async () => {
      await ensurePackages();
      for (const device of devices) {
        await ensureTensorFlow(device);
        if (device === 'gpu' && cuda) await ensureCuda(libraryDirectory('gpu'));
        if (check) await showProgress(`Checking TensorFlow (${device})`, () => checkLoads(device));
      }
      await ensureTemporal();
    },
  );
}

function defaultDevices() {
  return process.env.PLUMBLINE_DEVICE === 'gpu' ? ['cpu', 'gpu'] : ['cpu'];
}

/** @param {string} version */
export function requireNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor, wantedMinor] = OLDEST_NODE;
  if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor))
    throw new SetUpError(`Node ${OLDEST_NODE.join('.')} or newer is needed; this is ${version}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runMain(async () => {
    const { values } = parseArgs({
      options: { gpu: { type: 'boolean' }, 'no-cuda': { type: 'boolean' }, check: { type: 'boolean' } },
    });
    await bootstrap({
      ...(values.gpu ? { devices: ['cpu', 'gpu'] } : {}),
      cuda: !values['no-cuda'],
      check: values.check ?? false,
    });
    console.error('Ready.');
  });
}
