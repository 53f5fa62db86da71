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
  /** What is at work, told when the run is resumed: a step, or (null) runs that a study has started. */
  atWork(step: StepName | null, children: readonly ChildWorkflowHandle<Workflow>[]): void;
  /** Between them: holds while the run is paused. */
  hold(): Promise<void>;
}

/** Registers the run's pause and resume updates and its state query. The validators refuse what is so already. */
export function installPauseSwitch(runId: string): PauseSwitch {
  let paused = false;
  let step: StepName | null = null;
  let children: readonly ChildWorkflowHandle<Workflow>[] = [];
  const passOn = async (): Promise<void> => {
    // One that has ended meanwhile wants no news.
    await Promise.all(children.map((child) => child.signal(lookAgainSignal).catch(() => undefined)));
  };

  setHandler(lookAgainSignal, passOn);
  setHandler(stateQuery, () => ({ paused, step }));
  setHandler(
    pauseUpdate,
    async () => {
      paused = true;
      await records.requestPause({ runId, paused: true });
      // The runs of a study say for themselves that they are paused; no step of its own would say it for the study.
      if (step === null && children.length > 0) await records.markRun({ runId, status: 'paused' });
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
      await passOn();
    },
    {
      validator: () => {
        if (!paused) throw ApplicationFailure.nonRetryable('the run is not paused', 'NotPaused');
      },
    },
  );

  return {
    atWork: (name, handles) => {
      step = name;
      children = handles;
    },
    hold: async () => {
      children = [];
      if (!paused) return;
      await records.markRun({ runId, status: 'paused' });
      await condition(() => !paused);
    },
  };
}
