import { availableParallelism } from 'node:os';
import type { RunConfiguration, StepName } from '@plumbline/contracts';
import { availableEngine } from '@plumbline/generation';
import { calibrationPays, COMPILED_FP32, withPrecision, type ExecutionPlan } from '@plumbline/training';
import { calibratedPrecision, type Measure } from './calibrated-precision.js';

export interface PlanConditions {
  readonly device: 'cpu' | 'gpu';
  readonly threads: number | null;
  readonly precision: 'auto' | ExecutionPlan['precision'];
  /** Where measured precisions are kept. */
  readonly calibrationFile: string;
  readonly measure?: Measure;
}

/**
 * How this machine computes a step that nobody has begun. Updates are compiled. With precision `auto` they are fp32,
 * except in a pretraining with enough work to measure first (`calibrationPays`): there, bf16 products where they are
 * faster. Reward modelling and RL stay in fp32, close to what the rollout engine computes.
 */
export async function choosePlan(
  step: StepName,
  { model, pretrain }: Pick<RunConfiguration, 'model' | 'pretrain'>,
  conditions: PlanConditions,
  { signal, onMeasure }: { readonly signal: AbortSignal; readonly onMeasure: () => void },
): Promise<ExecutionPlan> {
  const { device, threads, precision } = conditions;
  const plan: ExecutionPlan = {
    ...COMPILED_FP32,
    device,
    threads: threads ?? availableParallelism(),
    generation: device === 'gpu' ? 'tfjs' : availableEngine(),
  };
  if (precision !== 'auto') return withPrecision(plan, precision);
  if (device !== 'cpu' || step !== 'pretrain' || !calibrationPays(model, pretrain.tokens)) return plan;
  onMeasure();
  const work = { model, rows: pretrain.batch / pretrain.accumulation };
  const { calibrationFile, measure } = conditions;
  return withPrecision(plan, await calibratedPrecision(calibrationFile, plan, work, signal, measure));
}
