/** Real processes doing a little real work: ours from the build, the peers where their Python has been installed. */
import { environment } from '@plumbline/config';
import { COMPILED_FP32 } from '@plumbline/training';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ourSide } from './commands.js';
import type { GenerateTask } from './generate/task.js';
import type { PretrainPeerTask, PretrainTask } from './pretrain/task.js';
import { installedPython } from './python-environment.js';
import { Side, type SideCommand } from './side.js';

const model = { layers: 1, heads: 2, width: 16, context: 16, vocabulary: 64 };
const work = { model, batch: 2, threads: 1, warmup: 1 };
const generation: GenerateTask = { ...work, promptTokens: 4, newTokens: 6 };

const python = await installedPython(environment().home, 'transformers');
const peer = (file: string, task: object): SideCommand => ({
  name: 'peer',
  command: python ?? '',
  args: [fileURLToPath(new URL(`../peers/${file}`, import.meta.url)), JSON.stringify(task)],
});

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plumbline-sides-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** Starts the side, has it do two units and end. */
async function exercise(command: SideCommand): Promise<{ first: number | undefined; peakBytes: number }> {
  const side = await Side.start(command);
  try {
    expect(side.ready.unitSeconds).toBeGreaterThan(0);
    expect(side.ready.baselineBytes).toBeGreaterThan(2 ** 24);
    expect((await side.round(2)).seconds).toBeGreaterThan(0);
    const { peakBytes } = await side.end();
    expect(peakBytes).toBeGreaterThan(side.ready.baselineBytes);
    return { first: side.ready.values?.['loss'], peakBytes };
  } finally {
    await side.kill();
  }
}

describe('the processes of a bench', () => {
  const weights = (): string => join(directory, 'weights.safetensors');
  const ours = () =>
    ourSide('pretrain', {
      ...work,
      plan: { ...COMPILED_FP32, threads: 1 },
      weightsFile: weights(),
    } satisfies PretrainTask);

  it('ours trains and generates', async () => {
    expect((await exercise(ours())).first).toBeCloseTo(Math.log(64), 1);
    await exercise(ourSide('generate', generation));
  });

  it.skipIf(python === null)(
    'the peers train from the same weights to the same loss, and generate (needs `plumbline bench` to have run)',
    async () => {
      const { first } = await exercise(ours());
      const task = { ...work, fasterAttention: true, weightsFile: weights() };
      const fp32 = await exercise(peer('pretrain.py', { ...task, bf16: false } satisfies PretrainPeerTask));
      const bf16 = await exercise(peer('pretrain.py', { ...task, bf16: true } satisfies PretrainPeerTask));
      expect(Math.abs(fp32.first! - first!)).toBeLessThan(1e-4);
      expect(Math.abs(bf16.first! - first!)).toBeLessThan(1e-2);
      await exercise(peer('generate.py', { ...generation, bf16: false }));
      await exercise(peer('generate.py', { ...generation, bf16: true }));
    },
  );

  it('ours says what is wrong with its task', async () => {
    const task = { ...generation, newTokens: 99 };
    await expect(Side.start(ourSide('generate', task))).rejects.toThrow(/do not fit a context of 16/);
  });
});
