import {
  STUDY_STEPS,
  type PipelineInput,
  type StepInputs,
  type StudyInput,
  type StudyMember,
} from '@plumbline/contracts';
import { ParentClosePolicy, startChild, type ChildWorkflowHandle } from '@temporalio/workflow';
import { bulk, records } from './activities.js';
import { installPauseSwitch } from './pause-switch.js';
import { rlhfPipeline } from './rlhf-pipeline.js';
import { executeRun, executeSteps } from './run-execution.js';

/**
 * A study of over-optimisation (Gao et al. 2022): pretrain → sample → collect once, by the study itself; then runs of
 * its own, which stand in the list of runs and resume like all others:
 *
 *     pretrain (each further size) ─┐
 *                                   └─> reward → optimise → evaluate → report   (each size × each number of labels)
 *
 * and a report that lays their frontiers side by side. Runs are started together; as many as there are workers compute
 * at once. When one fails the study fails, and the others are cancelled.
 */
export async function overoptimisationStudy(input: StudyInput): Promise<void> {
  const { runId, pretrains, labels } = input;
  const pauseSwitch = installPauseSwitch(runId);
  await executeRun(runId, async () => {
    const { model, comparisons, preferences } = await executeSteps({ runId, pauseSwitch }, STUDY_STEPS, {});

    const execute = async (members: readonly (readonly [StudyMember, StepInputs])[]) => {
      await pauseSwitch.hold();
      // One after the other: so they stand in the list of runs.
      const begun = [];
      for (const [member, inputs] of members) {
        begun.push(await records.beginStudyRun({ runId, member, inputs }));
      }
      const children = await Promise.all(begun.map(startMember));
      pauseSwitch.atWork(null, children);
      return Promise.all(children.map((child) => child.result()));
    };

    const sizes = pretrains.flatMap((needed, size) => (needed ? [size] : []));
    const pretrained = await execute(sizes.map((size) => [{ size }, {}]));
    const bases = new Map(sizes.map((size, i) => [size, pretrained[i]!.outputs['model']]));
    const made = { model, comparisons, preferences };
    await execute(
      pretrains.flatMap((_, size) =>
        labels.map((count): [StudyMember, StepInputs] => {
          const rewardBase = bases.get(size);
          return [
            { size, labels: count },
            { ...made, ...(rewardBase !== undefined && { rewardBase }) },
          ];
        }),
      ),
    );
    await bulk.buildStudyReport({ runId });
  });
}

function startMember({
  workflowId,
  input,
}: {
  workflowId: string;
  input: PipelineInput;
}): Promise<ChildWorkflowHandle<typeof rlhfPipeline>> {
  return startChild(rlhfPipeline, {
    workflowId,
    args: [input],
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  });
}
