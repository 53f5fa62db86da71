/** One size of a bench against TRL: its precisions are measured in the run, and the faster one is the peer. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext, BenchRow } from '../bench.js';
import { OUR_SIDE, ourSide, peerSides } from '../commands.js';
import { measure, speedRow, type Comparison } from '../compare.js';
import { COMPILED_FP32, withPrecision, type ExecutionPlan } from '@plumbline/training';

/**
 * TRL's own settings, fp32 and `bf16`, and models loaded in bf16. The last is measured and told, but is not the peer:
 * weights of eight bits lose most of an update of 1e-5, so it does not train what the others train.
 */
const PRECISIONS = [
  ['trl fp32', { bf16: false, bf16Weights: false }],
  ['trl bf16', { bf16: true, bf16Weights: false }],
  ['trl bf16 weights', { bf16: false, bf16Weights: true }],
] as const;
const NOT_THE_SAME = 'trl bf16 weights';

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
    const other = rates.get(NOT_THE_SAME);
    rates.delete(NOT_THE_SAME);
    const [best] = [...rates].sort(([, a], [, b]) => b - a);
    if (best) context.remark(`${name}: the peer is the faster one, ${best[0]}`);
    if (other !== undefined) {
      context.remark(`${name}: ours is ${(ours / other).toFixed(2)}× ${NOT_THE_SAME}, which is no peer`);
    }
    return [speedRow(`${name}/trl`, ours, best?.[1], unit)];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** As the product chooses for preference training and policy optimisation, unless a precision was asked for. */
export function planOf({ threads, precision }: BenchContext): ExecutionPlan {
  return withPrecision({ ...COMPILED_FP32, threads }, precision ?? 'fp32');
}
