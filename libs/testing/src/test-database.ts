import { join } from 'node:path';
import { childEnvironment } from '@plumbline/config';
import { migrate } from '@plumbline/database';
import {
  APPLICATION_ROLE,
  databaseUrl,
  ensureDatabase,
  freePort,
  generatePassword,
  OWNER_ROLE,
  preparePostgres,
  waitForPostgres,
} from '@plumbline/services';
import { startTestProcess, temporaryFolder, untilReady } from './test-process.js';

export interface TestDatabase {
  /** As the application's role, which cannot rewrite the record. */
  readonly appUrl: string;
  /** As the owner, for migrations and for looking behind the scenes. */
  readonly ownerUrl: string;
  stop(): Promise<void>;
}

export interface TestDatabaseOptions {
  /** Default true: the production migrations run. */
  readonly migrated?: boolean;
}

/** A Postgres of its own in a temporary folder, with the production roles and migrations. Takes about two seconds. */
export async function startTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const folder = await temporaryFolder('postgres');
  const passwords = {
    superuser: generatePassword(),
    owner: generatePassword(),
    application: generatePassword(),
  };
  const address = { port: await freePort(), superuserPassword: passwords.superuser };
  const launch = await preparePostgres({
    directory: folder.path,
    ...address,
    durable: false,
    env: childEnvironment(),
  });
  const server = await startTestProcess(launch, join(folder.path, 'postgres.log'), 'SIGINT');
  const stop = async () => {
    await server.stop();
    await folder.remove();
  };
  try {
    await untilReady(server, 60_000, () => waitForPostgres(address, 500));
    await ensureDatabase(address, passwords);
    const ownerUrl = databaseUrl(address.port, OWNER_ROLE, passwords.owner);
    if (options.migrated !== false) await migrate(ownerUrl);
    return { appUrl: databaseUrl(address.port, APPLICATION_ROLE, passwords.application), ownerUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
