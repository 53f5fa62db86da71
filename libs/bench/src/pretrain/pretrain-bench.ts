/** `plumbline bench pretrain`: tokens a second of whole training updates, against eager PyTorch. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench, BenchContext, BenchRow } from '../bench.js';
import { runChosenSizes } from '../chosen-sizes.js';
import { ourSide, peerSides, type Sides } from '../commands.js';
import { compare } from '../compare.js';
import { PRETRAIN_SIZES, type PretrainSize } from '../sizes.js';
import { planOf } from './execution-plan.js';
import type { PretrainPeerTask, PretrainTask } from './task.js';

const DEFAULT_ROUNDS = 7;
const WARMUP = 3;
/** Of the first loss, in nats; wide enough for bf16, which fp32 stays far below. */
const LOSS_TOLERANCE = 1e-2;

export const pretrainBench: Bench = {
  name: 'pretrain',
  describes: 'training updates, tokens a second, against PyTorch in fp32 and under bf16 autocast',
  standard: true,
  sizes: PRETRAIN_SIZES.map(({ name }) => name),
  run: (context) => runChosenSizes(PRETRAIN_SIZES, context, runSize),
};

/** All sides start from the same weights and see the same tokens, so their first losses must agree. */
async function runSize(size: PretrainSize, context: BenchContext): Promise<BenchRow[]> {
  const directory = await mkdtemp(join(tmpdir(), 'plumbline-bench-'));
  try {
    return await compare({
      name: `pretrain/${size.name}`,
      sides: await pretrainSides(size, context, {
        weightsFile: join(directory, 'weights.safetensors'),
        fasterAttention: true,
      }),
      unit: 'tokens/s',
      perUnit: size.batch * size.model.context,
      rounds: context.rounds ?? DEFAULT_ROUNDS,
      agreement: { value: 'loss', tolerance: LOSS_TOLERANCE },
      context,
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The processes that do updates of this size; without a weights file, each side draws its own weights. */
export async function pretrainSides(
  size: PretrainSize,
  context: BenchContext,
  options: Pick<PretrainPeerTask, 'fasterAttention' | 'weightsFile'>,
): Promise<Sides> {
  const { model, batch } = size;
  const { threads } = context;
  const task = { model, batch, threads, warmup: WARMUP, weightsFile: options.weightsFile };
  const peerTask = { ...task, fasterAttention: options.fasterAttention };
  return {
    ours: ourSide('pretrain', { ...task, plan: await planOf(size, context) } satisfies PretrainTask),
    peers: await peerSides(context, 'transformers', [
      ['torch-fp32', 'pretrain.py', { ...peerTask, bf16: false } satisfies PretrainPeerTask],
      ['torch-bf16', 'pretrain.py', { ...peerTask, bf16: true } satisfies PretrainPeerTask],
    ]),
  };
}
