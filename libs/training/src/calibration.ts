/** Which precision is the faster one for a step's updates on this machine: measured, because processors differ. */
import { tf } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { disposeParameters, initialise, toTensorMap } from '@plumbline/model';
import { loadPlan, type ExecutionPlan } from './execution-plan.js';
import { languageModelLoss, rowBatch } from './language-model-loss.js';
import { Trainer } from './trainer.js';

/** What an update is made of, as far as its duration depends on it. */
export interface UpdateWork {
  readonly model: ModelConfiguration;
  /** Sequences of `model.context` tokens that are computed at once: a micro-batch. */
  readonly rows: number;
}

const MEASURED_UPDATES = 5;
/** bf16 rounds more, so it must be worth it. */
const WORTHWHILE_GAIN = 1.1;
/**
 * Measuring both precisions takes half a minute or more, most of it compiling. Steps with less work than this (about a
 * quarter of an hour at 100 GFLOP/s) are computed in fp32 without asking.
 */
const WORK_THAT_PAYS = 1e14;

/**
 * Whether a step of `tokens` training tokens has enough work to measure first. Counts 6 operations a weight and token
 * (Kaplan et al. 2020), the output embedding included.
 */
export function calibrationPays(model: ModelConfiguration, tokens: number): boolean {
  const weights = 12 * model.layers * model.width ** 2 + model.vocabulary * model.width;
  return 6 * weights * tokens >= WORK_THAT_PAYS;
}

/**
 * Seconds that one update takes under the plan: the median of a few, compiling left out. Loads TensorFlow, so each plan
 * needs a process of its own.
 */
export function measureUpdate(plan: ExecutionPlan, { model, rows }: UpdateWork): number {
  loadPlan(plan);
  const parameters = initialise(model, 1);
  const weights = toTensorMap(parameters);
  disposeParameters(parameters);
  const trainer = new Trainer({
    loss: (current, batch) => languageModelLoss(current, model, batch),
    maximumGradientNorm: 1,
    weights,
    plan,
    meanOverRows: true,
  });
  const tokens = Int32Array.from(
    { length: rows * (model.context + 1) },
    (_, i) => (i * 7919) % model.vocabulary,
  );
  const batch = rowBatch({ count: rows, tokens }, model.context);
  const seconds = Array.from({ length: 1 + MEASURED_UPDATES }, () => {
    const start = performance.now();
    trainer.update(batch, 1e-4);
    return (performance.now() - start) / 1000;
  }).slice(1); // the first one compiles
  tf.dispose(Object.values(batch));
  trainer.dispose();
  return seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)]!;
}

/** bf16 where it makes updates at least a tenth faster. @param seconds of an update in either precision */
export function fasterPrecision(
  seconds: Readonly<Record<ExecutionPlan['precision'], number>>,
): ExecutionPlan['precision'] {
  return seconds.fp32 >= WORTHWHILE_GAIN * seconds.bf16 ? 'bf16' : 'fp32';
}
