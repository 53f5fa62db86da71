import { join } from 'node:path';
import { openArtifactStore } from '@plumbline/artifacts';
import { environment, required } from '@plumbline/config';
import { createDataSource } from '@plumbline/database';
import { createApplication } from './application.js';
import { Workflows } from './runs/workflows.js';

const settings = environment();
const database = await createDataSource({
  url: required('DATABASE_URL', settings.databaseUrl),
  applicationName: 'plumbline api',
}).initialize();
const application = await createApplication(
  {
    database,
    artifacts: openArtifactStore(settings.artifactsUrl),
    workflows: new Workflows(required('TEMPORAL_ADDRESS', settings.temporalAddress)),
  },
  { webDirectory: join(settings.root, 'apps', 'web', 'dist') },
);
const server = await application.listen(settings.apiPort ?? 0, settings.apiHost);
const address = server.address() as { address: string; port: number };
console.log(
  JSON.stringify({ event: 'ready', service: 'api', url: `http://${settings.apiHost}:${address.port}` }),
);

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  // Requests in progress are answered; idle connections would keep the server open.
  server.closeIdleConnections();
  await application.close();
  await database.destroy();
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    stop().catch((error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    });
  });
}
