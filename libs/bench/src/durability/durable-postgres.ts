/** A Postgres of the bench's own that is as durable as the product's: every commit waits for the disk. */
import { once } from 'node:events';
import { childEnvironment } from '@plumbline/config';
import { migrate } from '@plumbline/database';
import {
  APPLICATION_ROLE,
  databaseUrl,
  ensureDatabase,
  freePort,
  generatePassword,
  identify,
  OWNER_ROLE,
  preparePostgres,
  spawnLaunch,
  stopProcess,
  waitForPostgres,
} from '@plumbline/services';

const READY_WITHIN_MS = 60_000;

/** With the product's roles and migrations, in `directory`; takes some two seconds. */
export async function startDurablePostgres(
  directory: string,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const passwords = {
    superuser: generatePassword(),
    owner: generatePassword(),
    application: generatePassword(),
  };
  const address = { port: await freePort(), superuserPassword: passwords.superuser };
  const child = spawnLaunch(
    await preparePostgres({ directory, ...address, env: childEnvironment() }),
    'ignore',
  );
  await once(child, 'spawn');
  const server = await identify(child.pid!);
  const stop = () => stopProcess(server, { signal: 'SIGINT' });
  try {
    await waitForPostgres(address, READY_WITHIN_MS);
    await ensureDatabase(address, passwords);
    await migrate(databaseUrl(address.port, OWNER_ROLE, passwords.owner));
    return { url: databaseUrl(address.port, APPLICATION_ROLE, passwords.application), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
