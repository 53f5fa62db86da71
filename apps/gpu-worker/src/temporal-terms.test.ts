import { DatabaseError, SupersededError } from '@plumbline/database';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { ComputeError, ComputeProcessLostError } from './compute-process.js';
import { inTemporalTerms } from './temporal-terms.js';

/** Temporal tries again everything but failures that say otherwise, and cancellations. */
function triedAgain(error: Error): boolean {
  const told = inTemporalTerms(error);
  if (told instanceof CancelledFailure) return false;
  return !(told instanceof ApplicationFailure && told.nonRetryable === true);
}

describe('errors of a compute step', () => {
  it.each<[string, Error, boolean]>([
    ['the TensorFlow process was killed', new ComputeProcessLostError(null, 'SIGKILL'), true],
    ['the disk was full', new ComputeError('Error', 'no space left on device', true, ''), true],
    ['Postgres was away', new Error('Connection terminated'), true],
    ['a later attempt took over', new SupersededError('step', 1), true],
    ['the worker was shut down', new CancelledFailure('WORKER_SHUTDOWN'), true],
    ['a corrupted artifact', new ComputeError('ArtifactError', 'artifact ab is corrupted', false, ''), false],
    ['a step that is over', new DatabaseError('finished', 'step s is completed already'), false],
    ['a user cancelled', new CancelledFailure('CANCELLED'), false],
  ])('%s', (_, error, expected) => {
    expect(triedAgain(error)).toBe(expected);
  });

  it('keep the message that the computation gave, and its name', () => {
    const told = inTemporalTerms(new ComputeError('ArtifactError', 'artifact ab is corrupted', false, ''));
    expect(told).toMatchObject({ message: 'artifact ab is corrupted', type: 'ArtifactError' });
  });
});
