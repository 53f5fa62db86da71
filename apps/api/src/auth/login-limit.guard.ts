import { Injectable } from '@nestjs/common';
import { ThrottlerGuard } from '@nestjs/throttler';
import { ProblemError } from '../problems/problem.js';

/** Attempts to sign in to one account from one address, per minute. */
export const LOGIN_ATTEMPTS = { limit: 10, ttl: 60_000 } as const;

/** Slows down guessing of passwords: counts per address and account. */
@Injectable()
export class LoginLimitGuard extends ThrottlerGuard {
  protected override getTracker(request: { ip?: string; body?: { email?: unknown } }): Promise<string> {
    const email = typeof request.body?.email === 'string' ? request.body.email.toLowerCase() : '';
    return Promise.resolve(`${request.ip ?? ''} ${email}`);
  }

  protected override throwThrottlingException(): Promise<void> {
    return Promise.reject(
      new ProblemError(
        'too-many-requests',
        `more than ${LOGIN_ATTEMPTS.limit} attempts to sign in within a minute`,
      ),
    );
  }
}
