import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

const PACKAGE = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Trains a small model for a few updates and prints the SHA-256 of its weights and moments after each. */
const PROGRAM = `
  import { encodeSafetensors, sha256 } from '@plumbline/artifacts';
  import { tf } from '@plumbline/compute';
  import { forward, initialise, logits, tokenLogProbabilities, toTensorMap } from '@plumbline/model';
  import { COMPILED_FP32, EAGER_FP32, loadPlan, Trainer, withPrecision } from '@plumbline/training';
  const plans = { eager: EAGER_FP32, compiled: COMPILED_FP32, bf16: withPrecision(COMPILED_FP32, 'bf16') };
  const plan = plans[process.argv.at(-1)];
  loadPlan(plan);
  const model = { layers: 2, heads: 2, width: 32, context: 32, vocabulary: 300 };
  const rows = Int32Array.from({ length: 8 * 33 }, (_, i) => (i * i * 31 + i) % 300);
  const windows = tf.tensor2d(rows, [8, 33], 'int32');
  const batch = { inputs: windows.slice([0, 0], [8, 32]), targets: windows.slice([0, 1], [8, 32]) };
  const trainer = new Trainer({
    loss: (parameters, { inputs, targets }) => ({
      loss: tokenLogProbabilities(logits(parameters, forward(parameters, model, inputs)), targets).mean().neg(),
    }),
    maximumGradientNorm: 1,
    weights: toTensorMap(initialise(model, 1)),
    meanOverRows: true,
    plan,
  });
  const hashes = [];
  for (let update = 0; update < 12; update++) {
    trainer.update(batch, 1e-2);
    const { weights, optimizer } = trainer.snapshot();
    hashes.push(sha256(encodeSafetensors({ ...weights, ...optimizer })));
  }
  console.log(JSON.stringify(hashes));
`;

function train(plan: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM, '--', plan], {
      cwd: PACKAGE,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0
        ? resolve(JSON.parse(output) as string[])
        : reject(new Error(`training exited with ${code}`)),
    );
  });
}

describe('training in fresh processes', () => {
  beforeAll(() => {
    if (!existsSync(join(PACKAGE, 'dist/index.js'))) throw new Error('needs built packages: npm run build');
  });

  it.each(['compiled', 'eager', 'bf16'])('has the same bytes after every update (%s)', async (plan) => {
    const [first, second] = [await train(plan), await train(plan)];
    expect(first).toHaveLength(12);
    expect(new Set(first).size).toBe(12);
    expect(second).toEqual(first);
  });
});
