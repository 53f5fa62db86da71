/** `plumbline bench pretrain`: tokens a second of whole training updates, against eager PyTorch. */
import { COMPILED_FP32 } from '@plumbline/training';
import type { Bench, BenchContext, BenchRow } from '../bench.js';
import { compare } from '../compare.js';
import { ourSide, peerSides } from '../commands.js';
import { PRETRAIN_SIZES, type PretrainSize } from '../sizes.js';
import type { PretrainPeerTask, PretrainTask } from './task.js';

const DEFAULT_ROUNDS = 7;
const WARMUP = 3;

export const pretrainBench: Bench = {
  name: 'pretrain',
  describes: 'training updates, tokens a second, against PyTorch in fp32 and under bf16 autocast',
  standard: true,
  sizes: PRETRAIN_SIZES.map(({ name }) => name),
  async run(context) {
    const rows: BenchRow[] = [];
    for (const size of PRETRAIN_SIZES) {
      if (context.sizes && !context.sizes.includes(size.name)) continue;
      rows.push(...(await runSize(size, context)));
    }
    return rows;
  },
};

async function runSize(size: PretrainSize, context: BenchContext): Promise<BenchRow[]> {
  const { model, batch } = size;
  const task = { model, batch, threads: context.threads, warmup: WARMUP };
  const plan = { ...COMPILED_FP32, threads: context.threads };
  return compare({
    name: `pretrain/${size.name}`,
    ours: ourSide('pretrain', { ...task, plan } satisfies PretrainTask),
    peers: await peerSides(context, [
      ['torch-fp32', 'pretrain.py', { ...task, bf16: false } satisfies PretrainPeerTask],
      ['torch-bf16', 'pretrain.py', { ...task, bf16: true } satisfies PretrainPeerTask],
    ]),
    unit: 'tokens/s',
    perUnit: batch * model.context,
    rounds: context.rounds ?? DEFAULT_ROUNDS,
    context,
  });
}
