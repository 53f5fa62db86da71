import { PAUSE_UPDATE, RESUME_UPDATE, STATE_QUERY, type RunState, type StepName } from '@plumbline/contracts';
import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineUpdate,
  setHandler,
  type ChildWorkflowHandle,
  type Workflow,
} from '@temporalio/workflow';
import { records } from './activities.js';
import { lookAgainSignal } from './look-again.js';

export const pauseUpdate = defineUpdate<void>(PAUSE_UPDATE);
export const resumeUpdate = defineUpdate<void>(RESUME_UPDATE);
export const stateQuery = defineQuery<RunState>(STATE_QUERY);

/** People's power to hold a run between segments and let it go on. */
export interface PauseSwitch {
  /** The step at work, told when the run is resumed. */
  atWork(step: StepName, child: ChildWorkflowHandle<Workflow>): void;
  /** Between steps: holds while the run is paused. */
  hold(): Promise<void>;
}

/** Registers the run's pause and resume updates and its state query. The validators refuse what is so already. */
export function installPauseSwitch(runId: string): PauseSwitch {
  let paused = false;
  let step: StepName | null = null;
  let child: ChildWorkflowHandle<Workflow> | null = null;

  setHandler(stateQuery, () => ({ paused, step }));
  setHandler(
    pauseUpdate,
    async () => {
      paused = true;
      await records.requestPause({ runId, paused: true });
    },
    {
      validator: () => {
        if (paused) throw ApplicationFailure.nonRetryable('the run is paused already', 'AlreadyPaused');
      },
    },
  );
  setHandler(
    resumeUpdate,
    async () => {
      paused = false;
      await records.requestPause({ runId, paused: false });
      await child?.signal(lookAgainSignal);
    },
    {
      validator: () => {
        if (!paused) throw ApplicationFailure.nonRetryable('the run is not paused', 'NotPaused');
      },
    },
  );

  return {
    atWork: (name, handle) => {
      step = name;
      child = handle;
    },
    hold: async () => {
      child = null;
      if (!paused) return;
      await records.markRun({ runId, status: 'paused' });
      await condition(() => !paused);
    },
  };
}
