import { Injectable } from '@nestjs/common';
import {
  closeSession,
  findApiToken,
  findSession,
  findUserByEmail,
  openSession,
  type User,
} from '@plumbline/database';
import { DataSource } from 'typeorm';
import { ProblemError } from '../problems/problem.js';
import type { Caller } from './principal.js';
import { generateToken, hashPassword, hashToken, verifyPassword } from './secrets.js';

/** How long a browser stays signed in, milliseconds. */
export const SESSION_MS = 12 * 60 * 60_000;

export interface OpenedSession {
  readonly user: User;
  /** The cookie's value. */
  readonly token: string;
  readonly csrfToken: string;
  readonly expiresAt: Date;
}

@Injectable()
export class AuthService {
  /** Verified when there is no such account, so that the answer takes as long. */
  private readonly nobody = hashPassword(generateToken());

  constructor(private readonly database: DataSource) {}

  /** @throws ProblemError `wrong-credentials`, the same for an unknown address and a wrong password */
  async login(email: string, password: string): Promise<OpenedSession> {
    const user = await findUserByEmail(this.database, email);
    const matches = await verifyPassword(user?.passwordHash ?? (await this.nobody), password);
    if (user?.passwordHash == null || !matches) {
      throw new ProblemError('wrong-credentials', 'no account has this e-mail address and password');
    }
    const token = generateToken();
    const csrfToken = generateToken();
    const expiresAt = new Date(Date.now() + SESSION_MS);
    await openSession(this.database, { userId: user.id, tokenHash: hashToken(token), csrfToken, expiresAt });
    return { user, token, csrfToken, expiresAt };
  }

  async logout(token: string): Promise<void> {
    await closeSession(this.database, hashToken(token));
  }

  /** @returns null when the cookie belongs to no session that is still open */
  async callerOfSession(token: string): Promise<Caller | null> {
    const found = await findSession(this.database, hashToken(token));
    if (found === null) return null;
    const { csrfToken, ...principal } = found;
    return { ...principal, by: { session: token, csrfToken } };
  }

  /** @returns null when nobody has this token any more */
  async callerOfToken(token: string): Promise<Caller | null> {
    const found = await findApiToken(this.database, hashToken(token));
    if (found === null) return null;
    const { runId, ...principal } = found;
    return { ...principal, by: { runId } };
  }
}
