import { join } from 'node:path';
import { openArtifactStore } from '@plumbline/artifacts';
import { environment, required } from '@plumbline/config';
import { GPU_QUEUE, TEMPORAL_NAMESPACE } from '@plumbline/contracts';
import { createDataSource } from '@plumbline/database';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createComputeActivities } from './compute-activities.js';
import { handBackHeldTasks } from './hand-back-held-tasks.js';
import { HeldTasks } from './held-tasks.js';

/** Long enough for a killed child to be reaped; its work continues from the last commit. */
const SHUTDOWN_GRACE = '1 second';

const settings = environment();
const address = required('TEMPORAL_ADDRESS', settings.temporalAddress);
const held = new HeldTasks(join(settings.home, 'run', 'held-tasks'));
await handBackHeldTasks(held, address);
const artifacts = openArtifactStore(settings.artifactsUrl);
void artifacts.removeAbandoned().catch((error: unknown) => {
  console.error(`half-written artifacts of killed processes are left where they are: ${String(error)}`);
});
const connection = await NativeConnection.connect({ address });
const database = await createDataSource({
  url: required('DATABASE_URL', settings.databaseUrl),
  poolSize: 4,
  applicationName: 'gpu-worker',
}).initialize();

const worker = await Worker.create({
  connection,
  namespace: TEMPORAL_NAMESPACE,
  taskQueue: GPU_QUEUE,
  // One computation for the one device this worker has.
  maxConcurrentActivityTaskExecutions: 1,
  activities: createComputeActivities(
    {
      database,
      artifacts,
      artifactsUrl: settings.artifactsUrl,
      conditions: {
        device: settings.device,
        threads: settings.threads,
        precision: settings.precision,
        calibrationFile: join(settings.home, 'calibrations.json'),
      },
    },
    held,
  ),
  shutdownGraceTime: SHUTDOWN_GRACE,
  // Cancellation and progress should reach people within seconds.
  maxHeartbeatThrottleInterval: '3 seconds',
  defaultHeartbeatThrottleInterval: '3 seconds',
});

console.log(
  JSON.stringify({ event: 'ready', service: 'gpu-worker', queue: GPU_QUEUE, device: settings.device }),
);
try {
  await worker.run();
} finally {
  await database.destroy();
  await connection.close();
}
