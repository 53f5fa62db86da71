import { TEMPORAL_NAMESPACE } from '@plumbline/contracts';
import { ActivityNotFoundError, AsyncCompletionClient, Connection } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { HeldTasks } from './held-tasks.js';

/**
 * Tells Temporal that the attempts of killed workers of this machine have failed, so that the next ones start now. Only
 * a matter of speed: what cannot be handed back waits for its heartbeat timeout, and a line on stderr says so.
 */
export async function handBackHeldTasks(held: HeldTasks, address: string): Promise<void> {
  try {
    const connection = await Connection.connect({ address });
    try {
      const tasks = new AsyncCompletionClient({ connection, namespace: TEMPORAL_NAMESPACE });
      await held.handBackOfTheDead(async (taskToken) => {
        try {
          await tasks.fail(
            taskToken,
            ApplicationFailure.retryable('the worker of this attempt was killed', 'WorkerKilled'),
          );
        } catch (error) {
          // Timed out, tried again or cancelled meanwhile: nobody waits for this attempt any more.
          if (!(error instanceof ActivityNotFoundError)) throw error;
        }
      });
    } finally {
      await connection.close();
    }
  } catch (error) {
    console.error(`attempts of killed workers wait for their heartbeat timeout: ${String(error)}`);
  }
}
