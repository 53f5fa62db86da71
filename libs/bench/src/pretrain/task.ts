/** What each side of the pretraining bench is told to do, as one JSON argument. */
import type { ModelConfiguration } from '@plumbline/contracts';
import type { ExecutionPlan } from '@plumbline/training';

interface PretrainWork {
  readonly model: ModelConfiguration;
  readonly batch: number;
  readonly threads: number;
  /** Updates between the first and the first measured round. */
  readonly warmup: number;
  /**
   * Safetensors file with the first weights: ours writes it, the peer reads it, so that their first losses must agree.
   * Absent: each side draws its own.
   */
  readonly weightsFile?: string;
}

export interface PretrainTask extends PretrainWork {
  /** How this machine computes; see the training package. */
  readonly plan: ExecutionPlan;
}

export interface PretrainPeerTask extends PretrainWork {
  /** Under bf16 autocast. */
  readonly bf16: boolean;
  /** Tries fused and written-out attention and takes the faster one; else fused, which needs less memory. */
  readonly fasterAttention: boolean;
}

/** The same on both sides; peers/pretrain.py repeats them. */
export const OPTIMISER = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 } as const;
export const MAXIMUM_GRADIENT_NORM = 1;
export const LEARNING_RATE = 1e-3;

/** Different batches that the updates go through in turn. */
const BATCHES = 8;

/** Arbitrary tokens of update `update`, [batch · (context + 1)]; the same on both sides, bit for bit. */
export function benchTokens(
  { model, batch }: Pick<PretrainWork, 'model' | 'batch'>,
  update: number,
): Int32Array {
  const length = model.context + 1;
  const first = (update % BATCHES) * batch * length;
  return Int32Array.from({ length: batch * length }, (_, i) => mix(first + i) % model.vocabulary);
}

/** A well-mixed 32-bit hash of a counter (the finaliser of MurmurHash3). */
function mix(counter: number): number {
  let hash = counter + 1;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
