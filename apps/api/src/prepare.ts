import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { environment, required } from '@plumbline/config';
import { createDataSource, migrate } from '@plumbline/database';
import { createFirstAccounts, ensureProgramTokens } from './first-accounts.js';

/*
 * Run before the API starts: brings the schema up to date, and on the first start creates accounts and tokens. Their
 * secrets go into PLUMBLINE_HOME (credentials.json, secrets.json; mode 0600), never to stdout, which is logged.
 * Prints one line of JSON: what was migrated, and whose accounts and tokens were created.
 */

const settings = environment();
const ownerUrl = required('DATABASE_OWNER_URL', settings.databaseOwnerUrl);
const credentialsFile = join(settings.home, 'credentials.json');
const secretsFile = join(settings.home, 'secrets.json');

const migrations = await migrate(ownerUrl);
const database = await createDataSource({ url: ownerUrl, applicationName: 'plumbline prepare' }).initialize();
try {
  const accounts = await createFirstAccounts(database, async (credentials) => {
    await writePrivately(credentialsFile, { accounts: credentials });
  });
  const secrets = await readJson(secretsFile);
  const tokens = await ensureProgramTokens(database, secrets, async (created) => {
    await writePrivately(secretsFile, { ...secrets, ...created });
  });
  const created = [...accounts.map(({ email }) => email), ...Object.keys(tokens)];
  console.log(JSON.stringify({ event: 'prepared', migrations, created }));
} finally {
  await database.destroy();
}

async function readJson(file: string): Promise<Record<string, unknown>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** In one step and readable by the owner alone from the first byte on. */
async function writePrivately(file: string, value: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const partial = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(partial, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
