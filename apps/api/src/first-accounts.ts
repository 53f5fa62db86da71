import type { Actor } from '@plumbline/audit';
import type { Role } from '@plumbline/contracts';
import {
  createApiToken,
  createUser,
  findApiToken,
  findUserByEmail,
  inTransaction,
  query,
  revokeApiTokens,
  type Database,
} from '@plumbline/database';
import { generateToken, hashPassword, hashToken } from './auth/secrets.js';

const ACTOR: Actor = { kind: 'service', id: 'prepare' };

/** Accounts that the first start makes, so that every role can be tried. */
const FIRST_ACCOUNTS: readonly { readonly role: Role; readonly displayName: string }[] = [
  { role: 'admin', displayName: 'Administrator' },
  { role: 'researcher', displayName: 'Researcher' },
  { role: 'labeler', displayName: 'Labeler' },
  { role: 'auditor', displayName: 'Auditor' },
];

const DOMAIN = 'plumbline.example';
/** What pipeline-worker is to the API. */
const SERVICE_EMAIL = `pipeline-worker@${DOMAIN}`;

export interface Credentials {
  readonly role: Role;
  readonly email: string;
  readonly password: string;
}

/** Tokens of Plumbline's own programs, as PLUMBLINE_HOME/secrets.json keeps them. */
export interface ProgramTokens {
  readonly researcherToken?: string;
  readonly serviceToken?: string;
}

/**
 * The accounts of a first start, each with a generated password; nothing when there are people already.
 *
 * @param keep stores the passwords before the accounts exist, since nobody can read them afterwards
 */
export async function createFirstAccounts(
  database: Database,
  keep: (credentials: readonly Credentials[]) => Promise<void>,
): Promise<readonly Credentials[]> {
  return inTransaction(database, async (manager) => {
    await manager.query(`SELECT pg_advisory_xact_lock($1)`, [FIRST_START_LOCK]);
    if ((await query(manager, `SELECT 1 FROM users WHERE kind = 'person' LIMIT 1`)).length > 0) return [];
    const credentials = FIRST_ACCOUNTS.map(({ role }) => ({
      role,
      email: `${role}@${DOMAIN}`,
      password: generateToken().slice(0, 20),
    }));
    await keep(credentials);
    for (const [index, { role, email, password }] of credentials.entries()) {
      const displayName = FIRST_ACCOUNTS[index]?.displayName ?? role;
      const passwordHash = await hashPassword(password);
      await createUser(manager, { kind: 'person', email, displayName, role, passwordHash }, ACTOR);
    }
    return credentials;
  });
}

/** Any fixed number that nothing else in the database uses. */
const FIRST_START_LOCK = 7_205_760;

/**
 * Tokens for the command line (as the first researcher) and for pipeline-worker. Those that still work are kept;
 * others are replaced, and what they replace is revoked.
 *
 * @returns the tokens that are new
 */
export async function ensureProgramTokens(
  database: Database,
  known: ProgramTokens,
  keep: (tokens: ProgramTokens) => Promise<void>,
): Promise<ProgramTokens> {
  return inTransaction(database, async (manager) => {
    await manager.query(`SELECT pg_advisory_xact_lock($1)`, [FIRST_START_LOCK]);
    const researcherToken = await ensureToken(
      manager,
      known.researcherToken,
      `researcher@${DOMAIN}`,
      'command line',
    );
    if ((await findUserByEmail(manager, SERVICE_EMAIL)) === null) {
      await createUser(
        manager,
        {
          kind: 'service',
          email: SERVICE_EMAIL,
          displayName: 'pipeline-worker',
          role: 'researcher',
          passwordHash: null,
        },
        ACTOR,
      );
    }
    const serviceToken = await ensureToken(manager, known.serviceToken, SERVICE_EMAIL, 'pipeline-worker');
    const created = {
      ...(researcherToken === null ? {} : { researcherToken }),
      ...(serviceToken === null ? {} : { serviceToken }),
    };
    if (Object.keys(created).length > 0) await keep(created);
    return created;
  });
}

/** @returns null when the known token works, or when there is nobody to give one to */
async function ensureToken(
  database: Database,
  known: string | undefined,
  email: string,
  name: string,
): Promise<string | null> {
  const user = await findUserByEmail(database, email);
  if (user === null) return null;
  if (known !== undefined && (await findApiToken(database, hashToken(known)))?.userId === user.id)
    return null;
  const token = generateToken();
  await revokeApiTokens(database, user.id, name);
  await createApiToken(database, { userId: user.id, name, tokenHash: hashToken(token) }, ACTOR);
  return token;
}
