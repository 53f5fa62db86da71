import type { RunConfiguration } from '@plumbline/contracts';
import type { ExecutionPlan } from '@plumbline/training';

/** One pretraining run of the product's own step. */
export interface PrecisionTask {
  readonly configuration: RunConfiguration;
  readonly plan: ExecutionPlan;
}
