import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { Request } from 'express';
import { ProblemError } from '../problems/problem.js';

/** The `Idempotency-Key` header: 1 to 200 visible ASCII characters, chosen by the client for each submission. */
export const IdempotencyKey = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  const key = context.switchToHttp().getRequest<Request>().headers['idempotency-key'];
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(key)) {
    const message = 'must be 1 to 200 visible ASCII characters';
    throw new ProblemError('invalid-request', `Idempotency-Key: ${message}`, [
      { path: 'Idempotency-Key', message },
    ]);
  }
  return key;
});

/** Documents the header. */
export const ApiIdempotencyKey = (): MethodDecorator =>
  ApiHeader({
    name: 'Idempotency-Key',
    required: true,
    description:
      'The same key and body give the same answer again; the same key with another body is refused',
    schema: { type: 'string', minLength: 1, maxLength: 200 },
  });
