/**
 * `plumbline bench precision`: does training with bf16 matrix products end where fp32 does? The same runs on real
 * text, seed by seed, in both precisions; no peer.
 */
import { resolveConfiguration } from '@plumbline/config';
import { COMPILED_FP32, withPrecision } from '@plumbline/training';
import type { Bench, BenchContext, BenchRow, Precision } from '../bench.js';
import { ourSide } from '../commands.js';
import { Side } from '../side.js';
import { mean, standardError } from '../statistics.js';
import type { PrecisionTask } from './task.js';

const PRECISIONS: readonly Precision[] = ['fp32', 'bf16'];
const SEEDS = 5;
const UPDATES = 400;
const BATCH = 16;
const CONTEXT = 64;

/** What may lie between the two means. */
const STANDARD_ERRORS = 2;
const SHARE = 0.01;

export const precisionBench: Bench = {
  name: 'precision',
  describes: 'final held-out losses of fp32 and bf16 training, five seeds each (some minutes; no peer)',
  standard: false,
  sizes: ['4x128'],
  run,
};

/** One run a round of each precision: `rounds` are seeds. */
async function run(context: BenchContext): Promise<BenchRow[]> {
  const seeds = context.rounds ?? SEEDS;
  const losses: Record<Precision, number[]> = { fp32: [], bf16: [] };
  for (let seed = 1; seed <= seeds; seed++) {
    for (const precision of PRECISIONS) {
      const done = losses.fp32.length + losses.bf16.length;
      context.progress({ phase: `precision/4x128: seed ${seed}, ${precision}`, done, total: 2 * seeds });
      const loss = await finalLoss(seed, precision, context);
      losses[precision].push(loss);
      context.remark(`precision/4x128 seed ${seed} ${precision}: held-out loss ${loss.toFixed(4)}`);
    }
  }
  if (seeds > 1) context.remark(describeVerdict(losses));
  const [fp32, bf16] = [mean(losses.fp32), mean(losses.bf16)];
  return [{ name: 'precision/4x128/fp32', ours: bf16, peer: fp32, unit: 'nats/token', ratio: fp32 / bf16 }];
}

export interface Verdict {
  readonly difference: number;
  /** Of the difference between the two means. */
  readonly standardError: number;
  readonly withinStandardErrors: boolean;
  readonly withinShare: boolean;
}

/** Whether two samples of final losses agree: by the scatter among seeds, and absolutely. */
export function verdictOn(fp32: readonly number[], bf16: readonly number[]): Verdict {
  const difference = mean(bf16) - mean(fp32);
  const error = Math.hypot(standardError(fp32), standardError(bf16));
  return {
    difference,
    standardError: error,
    withinStandardErrors: Math.abs(difference) <= STANDARD_ERRORS * error,
    withinShare: Math.abs(difference) <= SHARE * mean(fp32),
  };
}

function describeVerdict(losses: Readonly<Record<Precision, readonly number[]>>): string {
  const told = PRECISIONS.map((precision) => {
    const values = losses[precision];
    return `${precision} ${mean(values).toFixed(4)} ± ${standardError(values).toFixed(4)}`;
  });
  const {
    difference,
    standardError: error,
    withinStandardErrors,
    withinShare,
  } = verdictOn(losses.fp32, losses.bf16);
  return (
    `precision/4x128: mean held-out loss ± standard error over ${losses.fp32.length} seeds: ${told.join(', ')}; ` +
    `difference ${difference.toFixed(4)} nats = ${(difference / error).toFixed(2)} standard errors ` +
    `(${withinStandardErrors ? 'within' : 'NOT within'} ${STANDARD_ERRORS}) = ` +
    `${((100 * difference) / mean(losses.fp32)).toFixed(2)} % (${withinShare ? 'within' : 'NOT within'} ${100 * SHARE} %)`
  );
}

async function finalLoss(seed: number, precision: Precision, context: BenchContext): Promise<number> {
  const plan = withPrecision({ ...COMPILED_FP32, threads: context.threads }, precision);
  const side = await Side.start(
    ourSide('precision', { configuration: configurationOf(seed), plan } satisfies PrecisionTask),
  );
  try {
    context.versions(side.ready.versions);
    const { values } = await side.round(1);
    await side.end();
    return values!['heldOutLoss']!;
  } finally {
    await side.kill();
  }
}

/** Real text, the small model, the demo's learning rate. */
function configurationOf(seed: number): PrecisionTask['configuration'] {
  return resolveConfiguration({
    name: 'precision',
    step: 'pretrain',
    seed,
    model: { layers: 4, heads: 4, width: 128, context: CONTEXT, vocabulary: 1024 },
    pretrain: {
      corpus: 'sotu',
      tokens: UPDATES * BATCH * CONTEXT,
      batch: BATCH,
      learningRate: 2e-3,
      warmup: 40,
      checkpointEvery: UPDATES,
    },
  });
}
