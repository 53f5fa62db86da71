import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { checkLoads, libraryDirectory } from './lib/tensorflow.mjs';

const BOOTSTRAP = fileURLToPath(new URL('./bootstrap.mjs', import.meta.url));

/**
 * Downloads 570 MB on its first run, so it runs where that has happened already (`npm run bootstrap -- --gpu`) and
 * where PLUMBLINE_TEST_GPU=1 asks for it, as `.ci/run` does.
 */
const wanted = process.env.PLUMBLINE_TEST_GPU === '1' || existsSync(libraryDirectory('gpu'));

it.runIf(wanted)(
  'the GPU build of TensorFlow loads and computes on the CPU',
  async () => {
    execFileSync(process.execPath, [BOOTSTRAP, '--gpu', '--no-cuda'], { stdio: 'inherit' });
    // No device is offered, so that the result does not depend on the machine.
    await expect(checkLoads('gpu', { CUDA_VISIBLE_DEVICES: '-1' })).resolves.toBeUndefined();
  },
  15 * 60_000,
);
