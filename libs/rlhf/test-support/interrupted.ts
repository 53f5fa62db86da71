import type { StepInputs } from '@plumbline/contracts';
import type { StepFunction, StepOutcome } from '@plumbline/training';
import { expect } from 'vitest';
import { recordingContext, type RecordingContext, type TinyRun } from './tiny-run.js';

/** @throws Error when the step paused */
export function outputs(outcome: StepOutcome): Readonly<Record<string, string>> {
  if (outcome.outcome !== 'completed') throw new Error('the step paused');
  return outcome.outputs;
}

/** Runs a step whole, then paused after its first commit, killed in its next and continued; gives the whole run. */
export async function interrupted(
  { artifacts, configuration }: Pick<TinyRun, 'artifacts' | 'configuration'>,
  step: StepFunction,
  inputs: StepInputs,
): Promise<RecordingContext> {
  const whole = recordingContext(artifacts);
  const expected = outputs(await step(configuration, inputs, whole));
  const paused = recordingContext(artifacts, { pauseAfter: 1 });
  expect(await step(configuration, inputs, paused)).toEqual({ outcome: 'paused' });
  expect(paused.commits).toEqual(whole.commits.slice(0, 1));
  const killed = recordingContext(artifacts, { resumeFrom: paused.commits[0]!.id, dieAfter: 1 });
  await expect(step(configuration, inputs, killed)).rejects.toThrow('killed');
  const last = recordingContext(artifacts, { resumeFrom: paused.commits[0]!.id });
  expect(outputs(await step(configuration, inputs, last))).toEqual(expected);
  expect(last.commits).toEqual(whole.commits.slice(1));
  const done = recordingContext(artifacts, { resumeFrom: whole.commits.at(-1)!.id });
  expect(outputs(await step(configuration, inputs, done))).toEqual(expected);
  expect(done.commits).toEqual([]);
  return whole;
}
