import {
  createParamDecorator,
  SetMetadata,
  type CustomDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import type { Role } from '@plumbline/contracts';
import type { Principal } from '@plumbline/database';
import type { Request } from 'express';

/** Who makes the request, and by what they were recognised. */
export interface Caller extends Principal {
  readonly by:
    | { readonly session: string; readonly csrfToken: string }
    | { /** A token that is good for one run only; null: for all. */ readonly runId: string | null };
}

export interface AuthenticatedRequest extends Request {
  caller?: Caller;
}

export const PUBLIC = 'plumbline:public';
export const ROLES = 'plumbline:roles';
export const RUN_TOKENS = 'plumbline:run-tokens';

/** The route needs no account. */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC, true);

/** The roles that may use the route; a route without them is open to everybody who is signed in. */
export const Allow = (...roles: readonly Role[]): CustomDecorator => SetMetadata(ROLES, roles);

/** Tokens that are limited to one run may be used here; the route keeps to that run. */
export const AcceptRunTokens = (): CustomDecorator => SetMetadata(RUN_TOKENS, true);

/** Everybody but labelers reads runs. */
export const READERS: readonly Role[] = ['lead', 'researcher', 'auditor', 'admin'];
export const RESEARCHERS: readonly Role[] = ['researcher', 'admin'];
export const LABELERS: readonly Role[] = ['labeler', 'lead', 'admin'];

/** The caller of an authenticated route. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  if (caller === undefined) throw new Error('a public route has no caller');
  return caller;
});
