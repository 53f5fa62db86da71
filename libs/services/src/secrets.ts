import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from './atomic-file.js';
import { generatePassword, type DatabasePasswords } from './postgres.js';
import { ServicesError } from './services-error.js';

/** PLUMBLINE_HOME/secrets.json, readable by its owner only. Nobody chooses these: the first start generates them. */
export interface Secrets {
  readonly database?: DatabasePasswords;
  /** What the command line shows to the API. */
  readonly researcherToken?: string;
  /** What the pipeline-worker shows to the API. */
  readonly serviceToken?: string;
}

export function secretsFile(home: string): string {
  return join(home, 'secrets.json');
}

/** The e-mail addresses and generated passwords of the first accounts. */
export function credentialsFile(home: string): string {
  return join(home, 'credentials.json');
}

/** @throws ServicesError `damaged-file` */
export function readSecrets(home: string): Secrets {
  try {
    return readJsonFile(secretsFile(home)) ?? {};
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // Without the passwords in it the database cannot be opened, so nothing may be made up in its place.
    throw new ServicesError('damaged-file', `${secretsFile(home)} is damaged; put its backup back`, {
      cause: error,
    });
  }
}

/** Adds to what is there; the file's mode is 0600 from its first byte. */
export function updateSecrets(home: string, additions: Secrets): Secrets {
  const secrets = { ...readSecrets(home), ...additions };
  writeJsonFile(secretsFile(home), secrets, 0o600);
  return secrets;
}

/** The embedded database's passwords, generated on first use. */
export function databasePasswords(home: string): DatabasePasswords {
  const known = readSecrets(home).database;
  if (known) return known;
  const database = {
    superuser: generatePassword(),
    owner: generatePassword(),
    application: generatePassword(),
  };
  updateSecrets(home, { database });
  return database;
}
