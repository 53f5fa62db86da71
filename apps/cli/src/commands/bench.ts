import type { BenchContext, BenchRow, Precision } from '@plumbline/bench';
import { environment } from '@plumbline/config';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { cpus } from 'node:os';
import { BenchBar } from '../bench-bar.js';
import { CommandError, FAILED, WRONG_USE } from '../command-error.js';
import { formatNumber, print, printJson, remark, table } from '../output.js';

interface BenchOptions {
  readonly size: readonly string[];
  readonly rounds?: number;
  readonly threads?: number;
  readonly precision?: Precision;
  readonly python?: string;
  readonly json?: boolean;
}

/** `bench [NAME…]` */
export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .description('the same work here and in the peer, in one run; needs no services')
    .argument('[name...]', 'which benches; without a name, all that compare with a peer')
    .option('--size <size>', 'only this size; may be repeated', collect, [])
    .option('--rounds <n>', 'measured rounds of each side', count)
    .option('--threads <n>', 'threads of each side (default: PLUMBLINE_THREADS, else all cores)', count)
    .addOption(
      new Option(
        '--precision <p>',
        'of our updates (default: PLUMBLINE_PRECISION, else the faster one)',
      ).choices(['fp32', 'bf16']),
    )
    .option('--python <path>', 'a Python that has the peers’ packages, instead of the bench’s own')
    .option('--json', 'print {rows}')
    .action((names: string[], options: BenchOptions) => bench(names, options));
}

async function bench(names: readonly string[], options: BenchOptions): Promise<void> {
  // Loaded only here: every other command starts without TensorFlow.
  const { BenchError, BenchUsageError, chooseBenches, runBenches } = await import('@plumbline/bench');
  const settings = environment();
  const precision = options.precision ?? settings.precision;
  const bar = new BenchBar();
  const versions: Record<string, string> = {};
  const context: BenchContext = {
    ...(options.size.length > 0 && { sizes: options.size }),
    ...(options.rounds !== undefined && { rounds: options.rounds }),
    ...(precision !== 'auto' && { precision }),
    ...(options.python !== undefined && { python: options.python }),
    threads: options.threads ?? settings.threads ?? cpus().length,
    home: settings.home,
    progress: (progress) => bar.show(progress),
    remark: (text) => bar.remark(text),
    versions: (of) => void Object.assign(versions, of),
  };
  try {
    const rows = await runBenches(chooseBenches(names, options.size), context);
    bar.clear();
    if (options.json) printJson({ rows });
    else {
      print(benchTable(rows));
      remark(`\n${machine(context.threads, versions)}`);
    }
  } catch (error) {
    bar.clear();
    if (error instanceof BenchUsageError) throw new CommandError(WRONG_USE, error.message);
    if (error instanceof BenchError) throw new CommandError(FAILED, error.message);
    throw error;
  }
}

/** Rows as people read them; a ratio above 1 means that ours is better. */
export function benchTable(rows: readonly BenchRow[]): string {
  const cell = (value: number | null) =>
    value === null
      ? '–'
      : Math.abs(value) >= 100
        ? Math.round(value).toLocaleString('en')
        : formatNumber(value);
  return table([
    ['bench', 'ours', 'peer', 'unit', 'ratio'],
    ...rows.map(({ name, ours, peer, unit, ratio }) => [
      name,
      cell(ours),
      cell(peer),
      unit,
      ratio === null ? '–' : `${ratio.toFixed(2)}×`,
    ]),
  ]);
}

function machine(threads: number, versions: Readonly<Record<string, string>>): string {
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const processor = cpus()[0]?.model.trim() ?? 'unknown processor';
  return [...libraries, `${processor}, ${String(threads)} threads, ${process.platform} ${process.arch}`].join(
    '\n',
  );
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1024) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 1024.');
  }
  return value;
}
