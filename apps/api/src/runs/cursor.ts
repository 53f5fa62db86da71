import type { RunCursor } from '@plumbline/database';
import { isUUID } from 'class-validator';
import { ProblemError } from '../problems/problem.js';

/** Opaque to clients: the place of the last run of a page. */
export function encodeCursor({ createdAt, id }: RunCursor): string {
  return Buffer.from(`${createdAt} ${id}`).toString('base64url');
}

/** @throws ProblemError when it is not a cursor that `encodeCursor` made */
export function decodeCursor(cursor: string): RunCursor {
  const [createdAt = '', id = ''] = Buffer.from(cursor, 'base64url').toString().split(' ');
  if (
    !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(createdAt) ||
    Number.isNaN(Date.parse(createdAt)) ||
    !isUUID(id)
  ) {
    const message = 'must be a cursor that a page of runs gave';
    throw new ProblemError('invalid-request', `cursor: ${message}`, [{ path: 'cursor', message }]);
  }
  return { createdAt, id };
}
