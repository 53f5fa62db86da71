/** The precision of our side's updates: the faster one here, by the rule of the product's own calibration. */
import { COMPILED_FP32, fasterPrecision, withPrecision, type ExecutionPlan } from '@plumbline/training';
import type { BenchContext, Precision } from '../bench.js';
import { ourSide } from '../commands.js';
import { Side } from '../side.js';
import type { PretrainSize } from '../sizes.js';
import type { PretrainTask } from './task.js';

const WARMUP = 4;

/** Measured once a process for each size and number of threads. */
const known = new Map<string, Promise<Precision>>();

/** The plan that updates of this size run by: with the precision asked for, or else the faster one. */
export async function planOf(size: PretrainSize, context: BenchContext): Promise<ExecutionPlan> {
  const plan = { ...COMPILED_FP32, threads: context.threads };
  if (context.precision !== undefined) return withPrecision(plan, context.precision);
  const key = `${size.name} ${context.threads}`;
  const precision = known.get(key) ?? measurePrecision(size, plan, context);
  known.set(key, precision);
  return withPrecision(plan, await precision);
}

async function measurePrecision(
  size: PretrainSize,
  plan: ExecutionPlan,
  context: BenchContext,
): Promise<Precision> {
  const measure = async (precision: Precision, done: number): Promise<number> => {
    context.progress({ phase: `execution plan for ${size.name}: measuring ${precision}`, done, total: 2 });
    const { model, batch } = size;
    const task = {
      model,
      batch,
      threads: plan.threads,
      warmup: WARMUP,
      plan: withPrecision(plan, precision),
    };
    const side = await Side.start(ourSide('pretrain', task satisfies PretrainTask));
    await side.kill();
    return side.ready.unitSeconds;
  };
  const seconds = { fp32: await measure('fp32', 0), bf16: await measure('bf16', 1) };
  const precision = fasterPrecision(seconds);
  context.remark(
    `execution plan for ${size.name}: ${precision} (an update takes ${seconds.fp32.toFixed(3)} s in fp32, ` +
      `${seconds.bf16.toFixed(3)} s in bf16)`,
  );
  return precision;
}
