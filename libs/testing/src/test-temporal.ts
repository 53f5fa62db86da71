import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEnvironment, environment } from '@plumbline/config';
import { TEMPORAL_NAMESPACE } from '@plumbline/contracts';
import { freePort, LOOPBACK, prepareTemporal } from '@plumbline/services';
import { Connection } from '@temporalio/client';
import { startTestProcess, temporaryFolder, untilReady } from './test-process.js';

export interface TestTemporal {
  /** `host:port` of the frontend; the namespace is `default`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** A Temporal development server of its own, in memory. Takes about a second. */
export async function startTestTemporal(): Promise<TestTemporal> {
  const folder = await temporaryFolder('temporal');
  const port = await freePort();
  const address = `${LOOPBACK}:${String(port)}`;
  const launch = await prepareTemporal({
    home: environment().home,
    port,
    file: null,
    env: childEnvironment(),
  });
  const server = await startTestProcess(launch, join(folder.path, 'temporal.log'), 'SIGTERM');
  const stop = async () => {
    await server.stop();
    await folder.remove();
  };
  try {
    await untilReady(server, 60_000, () => describeNamespace(address));
    return { address, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function describeNamespace(address: string): Promise<void> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: 2000 });
    try {
      await connection.workflowService.describeNamespace({ namespace: TEMPORAL_NAMESPACE });
    } finally {
      await connection.close();
    }
  } catch (error) {
    await sleep(100);
    throw error;
  }
}
