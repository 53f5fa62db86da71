import { loadTensorFlow, type TensorFlowRuntime } from '@plumbline/compute';
import type { ExecutionPlan } from '@plumbline/training';

/** Loads TensorFlow as the plan wants it. */
export function loadPlan({ device, threads }: ExecutionPlan): TensorFlowRuntime {
  return loadTensorFlow({ device, threads });
}
