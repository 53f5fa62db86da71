import { randomUUID } from 'node:crypto';
import type { Actor } from '@plumbline/audit';
import type { Role } from '@plumbline/contracts';
import { ApiToken, Session, User, type UserKind } from './entities/index.js';
import { DatabaseError } from './errors.js';
import { appendEvent } from './events.js';
import { labelerOf } from './labeling.js';
import { inTransaction, query, queryPrepared, violatesUnique, type Database } from './transaction.js';

export interface NewUser {
  readonly kind: UserKind;
  readonly email: string;
  readonly displayName: string;
  readonly role: Role;
  /** Present exactly for people. */
  readonly passwordHash: string | null;
}

/** @throws DatabaseError `conflict` when the e-mail address has an account */
export async function createUser(database: Database, user: NewUser, actor: Actor): Promise<User> {
  const id = randomUUID();
  const email = user.email.toLowerCase();
  try {
    return await inTransaction(database, async (manager) => {
      await manager.insert(User, { ...user, id, email });
      await appendEvent(manager, {
        actor,
        action: 'user.created',
        subject: { type: 'user', id },
        // No name, no address: events are kept for ever.
        payload: { kind: user.kind, role: user.role },
      });
      return manager.findOneByOrFail(User, { id });
    });
  } catch (error) {
    if (violatesUnique(error, 'users_email_key')) {
      throw new DatabaseError('conflict', `${email} has an account already`);
    }
    throw error;
  }
}

export async function findUserByEmail(database: Database, email: string): Promise<User | null> {
  const [row] = await query<{ id: string }>(database, `SELECT id FROM users WHERE email = lower($1)`, [
    email,
  ]);
  if (row === undefined) return null;
  const manager = 'manager' in database ? database.manager : database;
  return manager.findOneBy(User, { id: row.id });
}

/** People and services, oldest first; simulated labelers belong to their runs. */
export async function listUsers(database: Database): Promise<User[]> {
  const manager = 'manager' in database ? database.manager : database;
  return manager
    .createQueryBuilder(User, 'u')
    .where(`u.kind <> 'simulated'`)
    .orderBy('u.created_at')
    .addOrderBy('u.id')
    .getMany();
}

export interface NewSession {
  readonly userId: string;
  /** SHA-256 of the cookie's token, hex. */
  readonly tokenHash: string;
  readonly csrfToken: string;
  readonly expiresAt: Date;
}

export async function openSession(database: Database, session: NewSession): Promise<void> {
  await inTransaction(database, async (manager) => {
    const id = randomUUID();
    await manager.query(`DELETE FROM sessions WHERE expires_at < now()`);
    await manager.insert(Session, { ...session, id });
    await appendEvent(manager, {
      actor: { kind: 'user', id: session.userId },
      action: 'session.opened',
      subject: { type: 'session', id },
    });
  });
}

export async function closeSession(database: Database, tokenHash: string): Promise<void> {
  await inTransaction(database, async (manager) => {
    const [closed] = await query<{ id: string; user_id: string }>(
      manager,
      `DELETE FROM sessions WHERE token_hash = $1 RETURNING id, user_id`,
      [tokenHash],
    );
    if (closed === undefined) return;
    await appendEvent(manager, {
      actor: { kind: 'user', id: closed.user_id },
      action: 'session.closed',
      subject: { type: 'session', id: closed.id },
    });
  });
}

/** Who makes a request. */
export interface Principal {
  readonly userId: string;
  readonly kind: UserKind;
  readonly email: string;
  readonly displayName: string;
  readonly role: Role;
  /** null until they first judge. */
  readonly labelerId: string | null;
}

const PRINCIPAL = `u.id AS "userId", u.kind, u.email, u.display_name AS "displayName", u.role,
  (SELECT labeler_id FROM labeler_identities WHERE user_id = u.id) AS "labelerId"`;

/** @returns null for a token of no session, or of one that expired */
export async function findSession(
  database: Database,
  tokenHash: string,
): Promise<(Principal & { readonly csrfToken: string }) | null> {
  const [row] = await queryPrepared<Principal & { csrfToken: string }>(
    database,
    'find-session',
    `SELECT ${PRINCIPAL}, s.csrf_token AS "csrfToken"
       FROM sessions s JOIN users u ON u.id = s.user_id
      WHERE s.token_hash = $1 AND s.expires_at > now()`,
    [tokenHash],
  );
  return row ?? null;
}

/** @returns null for a token that nobody has, or that was revoked; `runId` when it is good for one run only */
export async function findApiToken(
  database: Database,
  tokenHash: string,
): Promise<(Principal & { readonly runId: string | null }) | null> {
  const [row] = await queryPrepared<Principal & { runId: string | null }>(
    database,
    'find-token',
    `SELECT ${PRINCIPAL}, t.run_id AS "runId"
       FROM api_tokens t JOIN users u ON u.id = t.user_id
      WHERE t.token_hash = $1 AND t.revoked_at IS NULL`,
    [tokenHash],
  );
  return row ?? null;
}

export interface NewApiToken {
  readonly userId: string;
  readonly name: string;
  /** SHA-256 of the token, hex. */
  readonly tokenHash: string;
  readonly runId?: string;
}

export async function createApiToken(database: Database, token: NewApiToken, actor: Actor): Promise<void> {
  await inTransaction(database, async (manager) => {
    const id = randomUUID();
    await manager.insert(ApiToken, { ...token, id, runId: token.runId ?? null });
    await appendEvent(manager, {
      actor,
      action: 'token.created',
      subject: { type: 'token', id },
      runId: token.runId,
      payload: { name: token.name, user: token.userId },
    });
  });
}

/** Revokes the tokens that a user has under a name, so that new ones can take their place. */
export async function revokeApiTokens(database: Database, userId: string, name: string): Promise<void> {
  await query(
    database,
    `UPDATE api_tokens SET revoked_at = now() WHERE user_id = $1 AND name = $2 AND revoked_at IS NULL`,
    [userId, name],
  );
}

/**
 * Accounts of simulated labelers for a run, each with a bearer token that is good for that run only. Asking again adds
 * more of them, and opens the slots that earlier ones hold: they may have died with their process, and what is judged
 * does not depend on who judges.
 *
 * @param tokenHashes one per labeler, SHA-256 (hex) of its token
 * @returns their names, in the order of the tokens
 * @throws DatabaseError `not_found` for the run
 */
export async function createSimulatedLabelers(
  database: Database,
  input: { runId: string; tokenHashes: readonly string[]; actor: Actor },
): Promise<string[]> {
  const { runId, tokenHashes, actor } = input;
  return inTransaction(database, async (manager) => {
    const [run] = await query(manager, `SELECT id FROM runs WHERE id = $1 FOR NO KEY UPDATE`, [runId]);
    if (run === undefined) throw new DatabaseError('not_found', `there is no run ${runId}`);
    await reopenSimulatedLeases(manager, runId);
    const [existing] = await query<{ count: number }>(
      manager,
      `SELECT count(*)::integer AS count FROM api_tokens t JOIN users u ON u.id = t.user_id
        WHERE t.run_id = $1 AND u.kind = 'simulated'`,
      [runId],
    );
    const names: string[] = [];
    for (const [index, tokenHash] of tokenHashes.entries()) {
      const name = `simulated-${(existing?.count ?? 0) + index + 1}`;
      const user = await createUser(
        manager,
        {
          kind: 'simulated',
          email: `${name}@${runId}.invalid`,
          displayName: name,
          role: 'labeler',
          passwordHash: null,
        },
        actor,
      );
      await labelerOf(manager, user.id);
      await createApiToken(manager, { userId: user.id, name, tokenHash, runId }, actor);
      names.push(name);
    }
    return names;
  });
}

async function reopenSimulatedLeases(database: Database, runId: string): Promise<void> {
  await query(
    database,
    `UPDATE slots s SET state = 'open', labeler_id = NULL, lease_expires_at = NULL
       FROM collections c, labelers l
      WHERE c.run_id = $1 AND s.step_id = c.step_id AND s.state = 'leased'
        AND l.id = s.labeler_id AND l.kind = 'simulated'`,
    [runId],
  );
}
