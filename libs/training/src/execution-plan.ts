import { loadTensorFlow, type TensorFlowRuntime } from '@plumbline/compute';

/** How a step computes, as far as that decides its last bits: chosen before its first update, the same in every attempt. */
export interface ExecutionPlan {
  readonly device: 'cpu' | 'gpu';
  /** Threads inside one TensorFlow op and between ops. */
  readonly threads: number;
  /** Updates as compiled programs, or op by op. */
  readonly mode: 'compiled' | 'eager';
  /** Of the matrix products in updates; sums, softmax, norms, weights and moments are fp32 always. */
  readonly precision: 'fp32' | 'bf16';
  /**
   * Parts that an update's rows are computed in side by side, each by one thread, inside one program; 1: all threads
   * share each op. Sums are over the parts then, so it decides the last bits.
   */
  readonly rowShards: number;
  /** Engine that samples text: its rounding decides a token now and then. */
  readonly generation: 'onnx' | 'tfjs';
}

/** Op by op: starts at once, so it suits runs of few updates and tests. */
export const EAGER_FP32: ExecutionPlan = {
  device: 'cpu',
  threads: 2,
  mode: 'eager',
  precision: 'fp32',
  rowShards: 1,
  generation: 'onnx',
};

/** One XLA program an update. */
export const COMPILED_FP32: ExecutionPlan = { ...EAGER_FP32, mode: 'compiled' };

/**
 * The plan with another precision. Products in bf16 are so fast that dividing one among threads costs more than it
 * gains; each thread gets rows of its own instead.
 */
export function withPrecision(plan: ExecutionPlan, precision: ExecutionPlan['precision']): ExecutionPlan {
  return { ...plan, precision, rowShards: precision === 'bf16' && plan.device === 'cpu' ? plan.threads : 1 };
}

/**
 * Loads TensorFlow as the plan wants it; a process runs under one plan.
 *
 * @throws TensorFlowError when the binding is missing, or when the process already runs under another plan
 */
export function loadPlan({ device, threads, precision, rowShards }: ExecutionPlan): TensorFlowRuntime {
  return loadTensorFlow({
    device,
    threads,
    autoClustering: precision === 'bf16',
    sideBySide: rowShards > 1,
  });
}
