/** A process that measures updates under one plan: TensorFlow takes its settings once, when it is loaded. */
import { measureUpdate, type ExecutionPlan, type UpdateWork } from '@plumbline/training';

export interface CalibrationRequest {
  readonly plan: ExecutionPlan;
  readonly work: UpdateWork;
}

process.once('message', ({ plan, work }: CalibrationRequest) => {
  process.send!({ seconds: measureUpdate(plan, work) }, () => process.disconnect());
});
