import {
  STUDY_STEPS,
  type PipelineResult,
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

    const running: ChildWorkflowHandle<typeof rlhfPipeline>[] = [];
    const execute = async (member: StudyMember, inputs: StepInputs): Promise<PipelineResult> => {
      const { workflowId, input: pipeline } = await records.beginStudyRun({ runId, member, inputs });
      const child = await startChild(rlhfPipeline, {
        workflowId,
        args: [pipeline],
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      });
      running.push(child);
      pauseSwitch.atWork(null, running);
      const result = await child.result();
      running.splice(running.indexOf(child), 1);
      return result;
    };

    await pauseSwitch.hold();
    const bases = await Promise.all(
      pretrains.map(async (needed, size): Promise<StepInputs> => {
        if (!needed) return {};
        const { outputs } = await execute({ size }, {});
        return { rewardBase: outputs['model'] };
      }),
    );
    await pauseSwitch.hold();
    await Promise.all(
      bases.flatMap((base, size) =>
        labels.map((count) => execute({ size, labels: count }, { model, comparisons, preferences, ...base })),
      ),
    );
    await bulk.buildStudyReport({ runId });
  });
}
