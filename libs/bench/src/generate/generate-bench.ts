/** `plumbline bench generate`: sampled tokens a second, against transformers' `generate` with its cache. */
import type { Bench, BenchContext, BenchRow } from '../bench.js';
import { runChosenSizes } from '../chosen-sizes.js';
import { OUR_SIDE, ourSide, peerSides, type Sides } from '../commands.js';
import { measure, speedRow } from '../compare.js';
import { GENERATE_SIZES, type GenerateSize } from '../sizes.js';
import type { GeneratePeerTask, GenerateTask } from './task.js';

const DEFAULT_ROUNDS = 5;
const WARMUP = 1;

export const generateBench: Bench = {
  name: 'generate',
  describes: 'sampled tokens a second, against transformers’ generate, the better of fp32 and bf16',
  standard: true,
  sizes: GENERATE_SIZES.map(({ name }) => name),
  run: (context) => runChosenSizes(GENERATE_SIZES, context, runSize),
};

/** One row: both precisions of the peer are measured in the run, and the faster one is the peer. */
async function runSize(size: GenerateSize, context: BenchContext): Promise<BenchRow[]> {
  const name = `generate/${size.name}`;
  const unit = 'tokens/s';
  const rates = await measure({
    name,
    sides: await generateSides(size, context),
    unit,
    perUnit: size.batch * size.newTokens,
    rounds: context.rounds ?? DEFAULT_ROUNDS,
    context,
  });
  const ours = rates.get(OUR_SIDE)!;
  rates.delete(OUR_SIDE);
  const [best] = [...rates].sort(([, a], [, b]) => b - a);
  if (best) context.remark(`${name}: the peer is the faster one, ${best[0]}`);
  return [speedRow(`${name}/transformers`, ours, best?.[1], unit)];
}

/** The processes that generate at this size. */
export async function generateSides(size: GenerateSize, context: BenchContext): Promise<Sides> {
  const { model, batch, promptTokens, newTokens } = size;
  const { threads } = context;
  const task: GenerateTask = { model, batch, promptTokens, newTokens, threads, warmup: WARMUP };
  return {
    ours: ourSide('generate', task),
    peers: await peerSides(context, 'transformers', [
      ['transformers fp32', 'generate.py', { ...task, bf16: false } satisfies GeneratePeerTask],
      ['transformers bf16', 'generate.py', { ...task, bf16: true } satisfies GeneratePeerTask],
    ]),
  };
}
