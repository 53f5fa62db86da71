import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Role } from '@plumbline/contracts';
import { ProblemError } from '../problems/problem.js';
import { AuthService } from './auth.service.js';
import { PUBLIC, ROLES, RUN_TOKENS, type AuthenticatedRequest, type Caller } from './principal.js';
import { sameSecret } from './secrets.js';

export const SESSION_COOKIE = 'plumbline_session';
export const CSRF_HEADER = 'x-csrf-token';
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Who is it, and may they do this? A bearer token is looked at before a cookie. Writes that a cookie authenticates
 * must also show the session's CSRF token, which another site cannot read.
 */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly auth: AuthService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const route = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC, route) === true) return true;

    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const caller = await this.identify(request);
    if ('session' in caller.by && !SAFE_METHODS.has(request.method)) {
      const shown = request.headers[CSRF_HEADER];
      if (typeof shown !== 'string' || !sameSecret(shown, caller.by.csrfToken)) {
        throw new ProblemError('csrf', `the header X-CSRF-Token must be the session's csrfToken`);
      }
    }
    this.authorize(caller, route);
    request.caller = caller;
    return true;
  }

  private async identify(request: AuthenticatedRequest): Promise<Caller> {
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      const caller = await this.auth.callerOfToken(bearer);
      if (caller === null)
        throw new ProblemError('not-signed-in', 'the bearer token is unknown or was revoked');
      return caller;
    }
    const cookie = (request.cookies as Record<string, unknown> | undefined)?.[SESSION_COOKIE];
    const caller = typeof cookie === 'string' ? await this.auth.callerOfSession(cookie) : null;
    if (caller === null) throw new ProblemError('not-signed-in', 'there is no session, or it has expired');
    return caller;
  }

  private authorize(caller: Caller, route: Parameters<Reflector['getAllAndOverride']>[1]): void {
    const roles = this.reflector.getAllAndOverride<readonly Role[] | undefined>(ROLES, route);
    if (roles !== undefined && !roles.includes(caller.role)) {
      throw new ProblemError('forbidden', `your role is ${caller.role}; this takes ${roles.join(' or ')}`);
    }
    const limited = 'runId' in caller.by && caller.by.runId !== null;
    if (limited && this.reflector.getAllAndOverride<boolean | undefined>(RUN_TOKENS, route) !== true) {
      throw new ProblemError('forbidden', 'this token is good for labeling one run only');
    }
  }
}
