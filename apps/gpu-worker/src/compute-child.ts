/**
 * The TensorFlow process: one step's computation, told by its parent what to compute. It lives exactly as long as the
 * channel to its parent.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openArtifactStore } from '@plumbline/artifacts';
import { evaluate } from '@plumbline/evaluation';
import { goldReward } from '@plumbline/evaluation/gold';
import { optimiseWith, sample, trainReward } from '@plumbline/rlhf';
import { loadPlan, pretrain, sft, type StepContext, type StepFunction } from '@plumbline/training';
import type { CommittedMessage, FromChild, StartMessage, ToChild } from './protocol.js';

const STEPS: Readonly<Record<StartMessage['step'], StepFunction>> = {
  pretrain,
  sft,
  sample,
  reward: trainReward,
  // Where labelers are simulated, the reward that they judge by is there to be looked at.
  optimise: (configuration, ...rest) =>
    optimiseWith(configuration.collect.simulatedLabelers === undefined ? {} : { goldReward })(
      configuration,
      ...rest,
    ),
  evaluate,
};

/** Errors of the operating system that may be gone at the next attempt. */
const TRANSIENT_CODES = new Set(['ENOSPC', 'EMFILE', 'ENFILE', 'EIO', 'EAGAIN', 'ENOMEM', 'EDQUOT']);

let acknowledge: ((message: CommittedMessage) => void) | null = null;

process.on('disconnect', () => process.exit(1));
process.on('message', (message: ToChild) => {
  if (message.kind === 'committed') acknowledge?.(message);
  else void compute(message);
});

async function compute(start: StartMessage): Promise<void> {
  try {
    loadPlan(start.plan);
    const result = await STEPS[start.step](start.configuration, start.inputs, contextOf(start));
    const outputs = result.outcome === 'completed' ? result.outputs : {};
    await send({ kind: 'end', outcome: result.outcome, outputs });
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const transient = TRANSIENT_CODES.has((error as NodeJS.ErrnoException).code ?? '');
    const { name, message, stack = '' } = error;
    await send({ kind: 'failed', name, message, stack, transient });
  }
  process.disconnect();
}

function contextOf(start: StartMessage): StepContext {
  let pauseRequested = false;
  return {
    artifacts: openArtifactStore(start.artifactsUrl),
    plan: start.plan,
    resumeFrom: start.resumeFrom,
    progress: (progress) => void send({ kind: 'progress', progress }),
    commit: async ({ index, id }) => {
      const answer = new Promise<CommittedMessage>((resolve) => {
        acknowledge = resolve;
      });
      await send({ kind: 'commit', index, id });
      ({ pauseRequested } = await answer);
    },
    shouldPause: () => pauseRequested,
    breathe: () => nextTurn(),
  };
}

function send(message: FromChild): Promise<void> {
  return new Promise((resolve) => {
    // A parent that is gone ends this process through 'disconnect'; nothing is lost that was not committed.
    process.send?.(message, () => resolve());
  });
}
