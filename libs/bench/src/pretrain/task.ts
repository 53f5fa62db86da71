/** What each side of the pretraining bench is told to do, as one JSON argument. */
import type { ModelConfiguration } from '@plumbline/contracts';
import type { ExecutionPlan } from '@plumbline/training';

interface PretrainWork {
  readonly model: ModelConfiguration;
  readonly batch: number;
  readonly threads: number;
  /** Updates between the first and the first measured round. */
  readonly warmup: number;
}

export interface PretrainTask extends PretrainWork {
  /** How this machine computes; see the training package. */
  readonly plan: ExecutionPlan;
}

export interface PretrainPeerTask extends PretrainWork {
  /** Under bf16 autocast. */
  readonly bf16: boolean;
}

/** The same on both sides; peers/pretrain.py repeats them. */
export const OPTIMISER = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 } as const;
export const MAXIMUM_GRADIENT_NORM = 1;
export const LEARNING_RATE = 1e-4;
