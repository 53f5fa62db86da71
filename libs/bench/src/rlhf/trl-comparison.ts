/** One size of a bench against TRL: every precision of the peer is measured in the run, and the fastest is the peer. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext, BenchRow } from '../bench.js';
import { OUR_SIDE, ourSide, peerSides } from '../commands.js';
import { measure, speedRow, type Comparison } from '../compare.js';
import { COMPILED_FP32, withPrecision, type ExecutionPlan } from '@plumbline/training';

/** What TRL's users choose among: fp32, its own `bf16` (autocast), or models loaded in bf16. */
const PRECISIONS = [
  ['trl fp32', { bf16: false, bf16Weights: false }],
  ['trl bf16', { bf16: true, bf16Weights: false }],
  ['trl bf16 weights', { bf16: false, bf16Weights: true }],
] as const;

export interface TrlComparison extends Pick<
  Comparison,
  'name' | 'unit' | 'perUnit' | 'rounds' | 'agreement'
> {
  /** As ours-main.ts and the peer's file are named. */
  readonly bench: 'ppo' | 'reward';
  /** What both sides are told, but for the weights' file. */
  readonly work: object;
  readonly triedUnits: number;
}

/** @returns the row `<bench>/<size>/trl` */
export async function compareWithTrl(comparison: TrlComparison, context: BenchContext): Promise<BenchRow[]> {
  const { bench, name, unit, triedUnits } = comparison;
  const directory = await mkdtemp(join(tmpdir(), 'plumbline-bench-'));
  try {
    const work = { ...comparison.work, weightsFile: join(directory, 'weights.safetensors') };
    const rates = await measure({
      ...comparison,
      sides: {
        ours: ourSide(bench, { ...work, plan: planOf(context) }),
        peers: await peerSides(
          context,
          'trl',
          PRECISIONS.map(([peer, precision]) => [peer, `${bench}.py`, { ...work, ...precision, triedUnits }]),
        ),
      },
      context,
    });
    const ours = rates.get(OUR_SIDE)!;
    rates.delete(OUR_SIDE);
    const [best] = [...rates].sort(([, a], [, b]) => b - a);
    if (best) context.remark(`${name}: the peer is the fastest one, ${best[0]}`);
    return [speedRow(`${name}/trl`, ours, best?.[1], unit)];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** As the product chooses for preference training and policy optimisation, unless a precision was asked for. */
export function planOf({ threads, precision }: BenchContext): ExecutionPlan {
  return withPrecision({ ...COMPILED_FP32, threads }, precision ?? 'fp32');
}
