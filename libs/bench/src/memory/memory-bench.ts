/**
 * `plumbline bench memory`: the highest resident memory of each side's process for the same work. Every measurement
 * has a process of its own, and one runs at a time.
 */
import { BenchError, type Bench, type BenchContext, type BenchRow } from '../bench.js';
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
  /** The row's peer, of the peer's processes that were measured. */
  rows(peaks: ReadonlyMap<string, number>): ReadonlyMap<string, number>;
}

const MEBIBYTE = 2 ** 20;

const SIZES: readonly MemorySize[] = [
  ...PRETRAIN_SIZES.map((size) => ({
    name: `pretrain-${size.name}`,
    units: 5,
    sides: (context: BenchContext) => pretrainSides(size, context),
    rows: (peaks: ReadonlyMap<string, number>) => peaks,
  })),
  ...GENERATE_SIZES.map((size) => ({
    name: `generate-${size.name}`,
    units: 1,
    sides: (context: BenchContext) => generateSides(size, context),
    // The smaller of the two precisions, as `bench generate` takes the faster.
    rows: (peaks: ReadonlyMap<string, number>) =>
      new Map(peaks.size > 0 ? [['transformers', Math.min(...peaks.values())]] : []),
  })),
];

export const memoryBench: Bench = {
  name: 'memory',
  describes: 'peak resident memory of the same updates and the same generation',
  standard: true,
  sizes: SIZES.map(({ name }) => name),
  async run(context) {
    const rows: BenchRow[] = [];
    for (const size of SIZES) {
      if (context.sizes && !context.sizes.includes(size.name)) continue;
      rows.push(...(await runSize(size, context)));
    }
    return rows;
  },
};

async function runSize(size: MemorySize, context: BenchContext): Promise<BenchRow[]> {
  const name = `memory/${size.name}`;
  const { ours, peers } = await size.sides(context);
  const commands = [ours, ...peers];
  const peaks = new Map<string, number>();
  for (const [index, command] of commands.entries()) {
    context.progress({ phase: `${name}: ${command.name}`, done: index, total: commands.length });
    const peak = await peakOf(command, name, size.units, context);
    if (peak !== null) peaks.set(command.name, peak);
  }
  const ourPeak = peaks.get(OUR_SIDE)!;
  peaks.delete(OUR_SIDE);
  return [...size.rows(peaks)].map(([peer, peak]) => ({
    name: `${name}/${peer}`,
    ours: ourPeak / MEBIBYTE,
    peer: peak / MEBIBYTE,
    unit: 'MiB',
    ratio: peak / ourPeak,
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
    context.remark(`${name}: no row against ${command.name}, which cannot run: ${error.message}`);
    return null;
  }
}
