import {
  runWorkflowId,
  type ComputeActivities,
  type PipelineActivities,
  type PublishedCollection,
  type SegmentsOutcome,
  type StepReference,
} from '@plumbline/contracts';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';

/** What a workflow asked for, in order: `activity` or `activity:detail`. */
export interface Recording {
  readonly calls: string[];
  readonly pauses: Map<string, boolean>;
  /** Judgements there are, by run; people add to it. */
  readonly judged: Map<string, number>;
}

export interface Behaviour {
  readonly required: number;
  readonly simulatedLabelers: number;
  /** A compute activity that fails for good. */
  readonly failing?: keyof ComputeActivities;
  /** A compute activity that works until it is paused or cancelled. */
  readonly endless?: keyof ComputeActivities;
}

/**
 * Activities that keep a record instead of training: these tests are about the order of things, and what happens when
 * people or failures interfere. Temporal itself is real.
 */
export function recordingActivities(behaviour: Behaviour): {
  activities: ComputeActivities & PipelineActivities;
  recording: Recording;
} {
  const recording: Recording = { calls: [], pauses: new Map(), judged: new Map() };
  const { calls, pauses, judged } = recording;
  const begun = new Set<string>();

  const compute = (name: keyof ComputeActivities, output: string) => async (step: StepReference) => {
    calls.push(name);
    if (behaviour.failing === name)
      throw ApplicationFailure.nonRetryable('the loss is not finite', 'NonFiniteError');
    if (behaviour.endless === name) await untilPaused(step.runId);
    if (pauses.get(step.runId) === true) return { outcome: 'paused', outputs: {} } satisfies SegmentsOutcome;
    return { outcome: 'completed', outputs: { [output]: `${output}-id` } } satisfies SegmentsOutcome;
  };
  /** The first call works until somebody pauses or cancels; the next finds its work done. */
  let workedOnce = false;
  const untilPaused = async (runId: string) => {
    if (workedOnce) return;
    while (pauses.get(runId) !== true) {
      Context.current().heartbeat();
      await Context.current().sleep(20);
    }
    workedOnce = true;
  };
  const progress = (runId: string) => ({ judged: judged.get(runId) ?? 0, required: behaviour.required });

  const activities: ComputeActivities & PipelineActivities = {
    pretrain: compute('pretrain', 'model'),
    fineTune: compute('fineTune', 'model'),
    sample: compute('sample', 'comparisons'),
    trainReward: compute('trainReward', 'reward'),
    optimise: compute('optimise', 'policy'),
    evaluate: compute('evaluate', 'evaluation'),
    beginStep: ({ step, inputs }) => {
      calls.push(`begin ${step} ${Object.keys(inputs).sort().join(',')}`.trim());
      return Promise.resolve({ stepId: `step-${step}` });
    },
    completeStep: ({ stepId, outputs }) => record(`complete ${stepId} ${Object.keys(outputs).join(',')}`),
    markStep: ({ stepId, status, reason }) => record(`mark ${stepId} ${status} ${reason ?? ''}`.trim()),
    markRun: ({ status, reason }) => record(`run ${status} ${reason ?? ''}`.trim()),
    requestPause: ({ runId, paused }) => {
      pauses.set(runId, paused);
      // A study's runs pause with it.
      for (const member of begun) if (member.startsWith(`${runId}-`)) pauses.set(member, paused);
      return record(`pause ${paused}`);
    },
    pauseRequested: ({ runId }) => Promise.resolve(pauses.get(runId) === true),
    publishComparisons: ({ runId }) => {
      calls.push('publish');
      const published: PublishedCollection = {
        ...progress(runId),
        simulatedLabelers: behaviour.simulatedLabelers,
      };
      return Promise.resolve(published);
    },
    collectionProgress: ({ runId }) => Promise.resolve(progress(runId)),
    simulateLabelers: ({ runId }) => {
      judged.set(runId, behaviour.required);
      return record('simulate');
    },
    freezePreferences: () => {
      calls.push('freeze');
      return Promise.resolve({ preferences: 'preferences-id' });
    },
    buildReport: () => {
      calls.push('report');
      return Promise.resolve({ json: 'json-id', html: 'html-id' });
    },
    beginStudyRun: ({ runId, member: { size, labels }, inputs }) => {
      const key = labels === undefined ? `pretrain-${size}` : `${size}-${labels}`;
      calls.push(`member ${key} ${Object.keys(inputs).sort().join(',')}`.trim());
      const memberId = `${runId}-${key}`;
      begun.add(memberId);
      return Promise.resolve({
        workflowId: runWorkflowId(memberId),
        input: {
          runId: memberId,
          inputs,
          ...(labels === undefined ? { step: 'pretrain' as const } : { fromStep: 'reward' as const }),
        },
      });
    },
    buildStudyReport: () => {
      calls.push('study report');
      return Promise.resolve({ json: 'json-id', html: 'html-id' });
    },
  };
  const record = (call: string) => {
    calls.push(call);
    return Promise.resolve();
  };
  return { activities, recording };
}
