/** Every bench by name, and what `plumbline bench` runs of them. */
import { BenchUsageError, type Bench, type BenchContext, type BenchRow } from './bench.js';
import { durabilityBench } from './durability/durability-bench.js';
import { generateBench } from './generate/generate-bench.js';
import { memoryBench } from './memory/memory-bench.js';
import { precisionBench } from './precision/precision-bench.js';
import { pretrainBench } from './pretrain/pretrain-bench.js';
import { breakdownBench } from './rlhf/breakdown-bench.js';
import { ppoBench } from './rlhf/ppo-bench.js';
import { rewardBench } from './rlhf/reward-bench.js';

export const BENCHES: readonly Bench[] = [
  pretrainBench,
  generateBench,
  rewardBench,
  ppoBench,
  memoryBench,
  precisionBench,
  durabilityBench,
  breakdownBench,
];

/**
 * The benches of the given names, in the order of `BENCHES`; without names, the standard ones.
 *
 * @throws BenchUsageError naming what does not exist
 */
export function chooseBenches(
  names: readonly string[],
  sizes: readonly string[] = [],
  benches: readonly Bench[] = BENCHES,
): readonly Bench[] {
  const unknown = names.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    throw new BenchUsageError(
      `no such bench: ${unknown.join(', ')}; there are ${benches.map(({ name }) => name).join(', ')}`,
    );
  }
  const chosen = benches.filter((bench) => (names.length > 0 ? names.includes(bench.name) : bench.standard));
  const known = new Set(chosen.flatMap((bench) => bench.sizes));
  for (const size of sizes) {
    if ([...known].some((name) => matchesSize(name, size))) continue;
    throw new BenchUsageError(`--size ${size}: no such size here; there are ${[...known].join(', ')}`);
  }
  return chosen;
}

/** Runs the benches one after the other; a bench that knows none of the sizes asked for is left out. */
export async function runBenches(benches: readonly Bench[], context: BenchContext): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const bench of benches) {
    const sizes = bench.sizes.filter(
      (name) => !context.sizes || context.sizes.some((size) => matchesSize(name, size)),
    );
    if (context.sizes && sizes.length === 0) continue;
    rows.push(...(await bench.run({ ...context, sizes })));
  }
  return rows;
}

/** By its whole name or by parts of it: `4x256` also means `4x256-b16` and `pretrain-4x256`. */
function matchesSize(name: string, asked: string): boolean {
  return `-${name}-`.includes(`-${asked}-`);
}
