import { fileURLToPath } from 'node:url';
import { openArtifactStore } from '@plumbline/artifacts';
import { environment, required } from '@plumbline/config';
import { PIPELINE_QUEUE, TEMPORAL_NAMESPACE } from '@plumbline/contracts';
import { createDataSource } from '@plumbline/database';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createPipelineActivities } from './activities.js';
import { archiveHistories } from './archive-histories.js';
import type { PipelineDependencies } from './dependencies.js';
import { DISPATCH_INTERVAL_MS, dispatchOutbox } from './dispatch-outbox.js';
import { periodically } from './periodically.js';
import { reconcileRuns } from './reconcile-runs.js';

const ARCHIVE_INTERVAL_MS = 2000;
const RECONCILE_INTERVAL_MS = 15_000;

const settings = environment();
const address = required('TEMPORAL_ADDRESS', settings.temporalAddress);
const workerConnection = await NativeConnection.connect({ address });
const clientConnection = await Connection.connect({ address });
const database = await createDataSource({
  url: required('DATABASE_URL', settings.databaseUrl),
  applicationName: 'pipeline-worker',
}).initialize();

const dependencies: PipelineDependencies = {
  database,
  artifacts: openArtifactStore(settings.artifactsUrl),
  temporal: new Client({ connection: clientConnection, namespace: TEMPORAL_NAMESPACE }),
  api:
    settings.apiUrl !== null && settings.token !== null
      ? { url: settings.apiUrl, token: settings.token }
      : null,
};

const worker = await Worker.create({
  connection: workerConnection,
  namespace: TEMPORAL_NAMESPACE,
  taskQueue: PIPELINE_QUEUE,
  workflowBundle: { codePath: fileURLToPath(import.meta.resolve('@plumbline/workflows/bundle')) },
  activities: createPipelineActivities(dependencies),
  shutdownGraceTime: '5 seconds',
  maxHeartbeatThrottleInterval: '3 seconds',
});

const stopping = new AbortController();
const loops = [
  periodically(DISPATCH_INTERVAL_MS, stopping.signal, 'outbox', () => dispatchOutbox(dependencies)),
  periodically(ARCHIVE_INTERVAL_MS, stopping.signal, 'archive', () => archiveHistories(dependencies)),
  periodically(RECONCILE_INTERVAL_MS, stopping.signal, 'reconcile', () => reconcileRuns(dependencies)),
];

console.log(JSON.stringify({ event: 'ready', service: 'pipeline-worker', queue: PIPELINE_QUEUE }));
try {
  await worker.run();
} finally {
  stopping.abort();
  await Promise.all(loops);
  await database.destroy();
  await clientConnection.close();
  await workerConnection.close();
}
