/** One size of a speed bench: ours and its peers, warm, in turn. */
import { OUR_SIDE, type Sides } from './commands.js';
import { BenchError, type BenchContext, type BenchRow } from './bench.js';
import { interleave } from './interleave.js';
import { Side, type SideCommand } from './side.js';
import { median } from './statistics.js';

export interface Comparison {
  /** `<bench>/<size>`. */
  readonly name: string;
  readonly sides: Sides;
  /** Of the row's values. */
  readonly unit: string;
  /** What one unit of work counts in `unit`, for instance its tokens. */
  readonly perUnit: number;
  readonly rounds: number;
  /** What the sides' first units must agree on: proof that they do the same work. */
  readonly agreement?: { readonly value: string; readonly tolerance: number };
  readonly context: BenchContext;
}

const ROUND_SECONDS = 1;
/** Fastest over slowest round of a side. */
const DISTURBED = 1.4;

/**
 * Measures all sides in one run. A peer that cannot run is a remark and has no rate; ours failing is an error.
 *
 * @returns rates per second of every side by name, each the median of its rounds
 */
export async function measure(comparison: Comparison): Promise<Map<string, number>> {
  const { name, rounds, perUnit, unit, context } = comparison;
  const { ours, peers } = comparison.sides;
  const sides: Side[] = [];
  try {
    for (const command of [ours, ...peers.values()]) {
      if (command === null) continue;
      context.progress({ phase: `${name}: starting ${command.name}`, done: 0, total: rounds });
      const side = await startSide(command, name, context);
      if (side) sides.push(side);
    }
    if (comparison.agreement) checkAgreement(name, sides, comparison.agreement, context);
    const rates = await interleave(sides, {
      rounds,
      roundSeconds: ROUND_SECONDS,
      onRound: (done) => context.progress({ phase: `${name}: rounds`, done, total: rounds }),
    });
    for (const [side, values] of rates) context.remark(spread(name, side, values, perUnit, unit));
    if ([...rates.values()].some(disturbed)) {
      context.remark(
        `${name}: the rounds differ widely; is something else computing? Measure again on free cores.`,
      );
    }
    return new Map([...rates].map(([side, values]) => [side, median(values) * perUnit]));
  } finally {
    await Promise.all(sides.map((side) => side.kill()));
  }
}

/** `measure` as one row a peer; a peer that could not run has no value. */
export async function compare(comparison: Comparison): Promise<BenchRow[]> {
  const rates = await measure(comparison);
  const ours = rates.get(OUR_SIDE)!;
  return [...comparison.sides.peers.keys()].map((name) =>
    speedRow(`${comparison.name}/${name}`, ours, rates.get(name), comparison.unit),
  );
}

/** More is better. */
export function speedRow(name: string, ours: number, peer: number | undefined, unit: string): BenchRow {
  return { name, ours, peer: peer ?? null, unit, ratio: peer === undefined ? null : ours / peer };
}

async function startSide(command: SideCommand, name: string, context: BenchContext): Promise<Side | null> {
  try {
    const side = await Side.start(command);
    const { loadSeconds, firstSeconds, unitSeconds, remarks = [] } = side.ready;
    context.remark(
      `${name} ${side.name}: loaded in ${loadSeconds.toFixed(1)} s, first ${firstSeconds.toFixed(2)} s, ` +
        `then ${unitSeconds.toFixed(3)} s`,
    );
    context.versions(side.ready.versions);
    for (const remark of remarks) context.remark(`${name} ${side.name}: ${remark}`);
    return side;
  } catch (error) {
    if (command.name === OUR_SIDE || !(error instanceof BenchError)) throw error;
    context.remark(`${name}: ${command.name} cannot run: ${error.message}`);
    return null;
  }
}

function checkAgreement(
  name: string,
  sides: readonly Side[],
  { value, tolerance }: { value: string; tolerance: number },
  context: BenchContext,
): void {
  const found = sides.map((side) => ({ side: side.name, value: side.ready.values?.[value] ?? NaN }));
  const told = found.map((each) => `${each.side} ${each.value.toFixed(5)}`).join(', ');
  const spread = Math.max(...found.map((each) => Math.abs(each.value - found[0]!.value)));
  // NaN is no agreement either.
  if (!(spread <= tolerance)) throw new BenchError(`${name}: the sides' first ${value} differs: ${told}`);
  context.remark(`${name}: first ${value} ${told}`);
}

/** Threads that wait for each other suffer most where cores are shared, so that a busy machine distorts ratios. */
export function disturbed(rates: readonly number[]): boolean {
  return Math.max(...rates) > DISTURBED * Math.min(...rates);
}

/** The rounds' extremes beside their median, so that a disturbed run can be seen. */
function spread(name: string, side: string, rates: readonly number[], perUnit: number, unit: string): string {
  const format = (value: number) =>
    value.toLocaleString('en', value < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });
  const [low, middle, high] = [Math.min(...rates), median(rates), Math.max(...rates)].map((rate) =>
    format(rate * perUnit),
  );
  return `${name} ${side}: ${middle} ${unit} (${low} to ${high} over ${rates.length} rounds)`;
}
