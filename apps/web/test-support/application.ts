import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hash } from '@node-rs/argon2';
import { FileArtifactStore } from '@plumbline/artifacts';
import { childEnvironment, environment } from '@plumbline/config';
import type { Role } from '@plumbline/contracts';
import { createDataSource, createUser } from '@plumbline/database';
import { freePort } from '@plumbline/services';
import {
  startTestDatabase,
  startTestProcess,
  startTestTemporal,
  temporaryFolder,
  untilReady,
} from '@plumbline/testing';
import type { DataSource } from 'typeorm';
import type { Account } from './actions.js';

/** The API as it is built, serving the web app as it is built, on a real Postgres and a real Temporal. */
export interface TestApplication {
  readonly url: string;
  /** Connected as the application's role. */
  readonly database: DataSource;
  readonly artifacts: FileArtifactStore;
  readonly accounts: Readonly<Record<Role, Account & { readonly id: string; readonly name: string }>>;
  /** Ends the API, as a crash or an update would; `startApi` brings it back at the same address. */
  stopApi(): Promise<void>;
  startApi(): Promise<void>;
  stop(): Promise<void>;
}

const NAMES: Readonly<Record<Role, string>> = {
  labeler: 'Lena Labeler',
  lead: 'Leo Lead',
  researcher: 'Rosa Researcher',
  auditor: 'Ada Auditor',
  admin: 'Adam Admin',
};

/** @throws Error when the API or the web app is not built */
export async function startTestApplication(): Promise<TestApplication> {
  const { root } = environment();
  const main = join(root, 'apps', 'api', 'dist', 'main.js');
  for (const built of [main, join(root, 'apps', 'web', 'dist', 'index.html')]) {
    if (!existsSync(built)) throw new Error(`${built} is missing; run \`npm run build\` first`);
  }
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    const folder = await temporaryFolder('web');
    stops.push(() => folder.remove());
    const postgres = await startTestDatabase();
    stops.push(() => postgres.stop());
    const temporal = await startTestTemporal();
    stops.push(() => temporal.stop());
    const database = await createDataSource({ url: postgres.appUrl }).initialize();
    stops.push(() => database.destroy());

    const port = await freePort();
    const url = `http://127.0.0.1:${String(port)}`;
    let api: Awaited<ReturnType<typeof startTestProcess>> | null = null;
    const stopApi = async () => {
      await api?.stop();
      api = null;
    };
    const startApi = async () => {
      const started = await startTestProcess(
        {
          command: process.execPath,
          args: [main],
          cwd: root,
          env: {
            ...childEnvironment(),
            PLUMBLINE_HOME: folder.path,
            PLUMBLINE_API_PORT: String(port),
            DATABASE_URL: postgres.appUrl,
            TEMPORAL_ADDRESS: temporal.address,
          },
        },
        join(folder.path, 'api.log'),
        'SIGTERM',
      );
      api = started;
      await untilReady(started, 60_000, async () => {
        const response = await fetch(`${url}/api/v1/health`);
        if (!response.ok) throw new Error(`the API answered ${String(response.status)}`);
      });
    };
    stops.push(stopApi);
    await startApi();
    return {
      url,
      database,
      artifacts: new FileArtifactStore(join(folder.path, 'artifacts')),
      accounts: await createAccounts(database),
      stopApi,
      startApi,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function createAccounts(database: DataSource): Promise<TestApplication['accounts']> {
  const password = 'correct horse battery staple';
  const passwordHash = await hash(password);
  const entries = await Promise.all(
    (Object.entries(NAMES) as [Role, string][]).map(async ([role, name]) => {
      const email = `${role}@plumbline.test`;
      const { id } = await createUser(
        database,
        { kind: 'person', email, displayName: name, role, passwordHash },
        { kind: 'service', id: 'test' },
      );
      return [role, { id, email, password, name }] as const;
    }),
  );
  return Object.fromEntries(entries) as unknown as TestApplication['accounts'];
}
