/**
 * `plumbline bench memory`: the highest resident memory of each side's process for the same work. Every measurement
 * has a process of its own, and one runs at a time.
 */
import { BenchError, type Bench, type BenchContext, type BenchRow } from '../bench.js';
import { runChosenSizes } from '../chosen-sizes.js';
import { OUR_SIDE, type Sides } from '../commands.js';
import { generateSides } from '../generate/generate-bench.js';
import { pretrainSides } from '../pretrain/pretrain-bench.js';
import { Side, type SideCommand } from '../side.js';
import { GENERATE_SIZES, PRETRAIN_SIZES } from '../sizes.js';

interface MemorySize {
  readonly name: string;
  /** Units of work after the warm-up. */
  readonly units: number;
  sides(context: BenchContext): Promise<Sides>;
  /** The row that each peer's process belongs to; of several, the smallest counts. */
  row(peer: string): string;
}

const MEBIBYTE = 2 ** 20;

const SIZES: readonly MemorySize[] = [
  ...PRETRAIN_SIZES.map((size) => ({
    name: `pretrain-${size.name}`,
    units: 5,
    sides: (context: BenchContext) => pretrainSides(size, context, { fasterAttention: false }),
    row: (peer: string) => peer,
  })),
  ...GENERATE_SIZES.map((size) => ({
    name: `generate-${size.name}`,
    units: 1,
    sides: (context: BenchContext) => generateSides(size, context),
    // Both precisions are one peer, as in `bench generate`.
    row: () => 'transformers',
  })),
];

export const memoryBench: Bench = {
  name: 'memory',
  describes: 'peak resident memory of the same updates and the same generation',
  standard: true,
  sizes: SIZES.map(({ name }) => name),
  run: (context) => runChosenSizes(SIZES, context, runSize),
};

async function runSize(size: MemorySize, context: BenchContext): Promise<BenchRow[]> {
  const name = `memory/${size.name}`;
  const { ours, peers } = await size.sides(context);
  const total = 1 + peers.size;
  context.progress({ phase: `${name}: ${OUR_SIDE}`, done: 0, total });
  const ourPeak = (await peakOf(ours, name, size.units, context))!;
  const smallest = new Map<string, number | null>();
  for (const [index, [peer, command]] of [...peers].entries()) {
    context.progress({ phase: `${name}: ${peer}`, done: index + 1, total });
    const peak = command && (await peakOf(command, name, size.units, context));
    const before = smallest.get(size.row(peer)) ?? null;
    smallest.set(size.row(peer), before === null || (peak !== null && peak < before) ? peak : before);
  }
  return [...smallest].map(([row, peak]) => ({
    name: `${name}/${row}`,
    ours: ourPeak / MEBIBYTE,
    peer: peak === null ? null : peak / MEBIBYTE,
    unit: 'MiB',
    ratio: peak === null ? null : peak / ourPeak,
  }));
}

/** In bytes, without libraries that are there for GPUs only; null where a peer cannot run. */
async function peakOf(
  command: SideCommand,
  name: string,
  units: number,
  context: BenchContext,
): Promise<number | null> {
  try {
    const side = await Side.start(command);
    try {
      context.versions(side.ready.versions);
      await side.round(units);
      const { baselineBytes } = side.ready;
      const { peakBytes, cudaBytes = 0 } = await side.end();
      const mib = (bytes: number) => `${Math.round(bytes / MEBIBYTE)} MiB`;
      context.remark(
        `${name} ${command.name}: peak ${mib(peakBytes - cudaBytes)}, of which ${mib(baselineBytes - cudaBytes)} ` +
          `once loaded` +
          (cudaBytes > 0 ? `; not counted: ${mib(cudaBytes)} of libraries for GPUs` : ''),
      );
      return peakBytes - cudaBytes;
    } finally {
      await side.kill();
    }
  } catch (error) {
    if (command.name === OUR_SIDE || !(error instanceof BenchError)) throw error;
    context.remark(`${name}: ${command.name} cannot run: ${error.message}`);
    return null;
  }
}
