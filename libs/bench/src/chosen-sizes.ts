import type { BenchContext, BenchRow } from './bench.js';

/** Runs, one after the other, those of a bench's sizes that the context asks for; the rows of all of them. */
export async function runChosenSizes<Size extends { readonly name: string }>(
  sizes: readonly Size[],
  context: BenchContext,
  runSize: (size: Size, context: BenchContext) => Promise<readonly BenchRow[]>,
): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const size of sizes) {
    if (context.sizes && !context.sizes.includes(size.name)) continue;
    rows.push(...(await runSize(size, context)));
  }
  return rows;
}
