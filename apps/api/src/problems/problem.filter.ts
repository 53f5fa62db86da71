import { STATUS_CODES } from 'node:http';
import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { ArtifactError } from '@plumbline/artifacts';
import { ConfigurationError } from '@plumbline/config';
import { DatabaseError, isPostgresError, type DatabaseErrorCode } from '@plumbline/database';
import { JudgementError } from '@plumbline/labeling';
import type { Request, Response } from 'express';
import { ProblemError, type Problem, type ProblemCode } from './problem.js';

/** Every error leaves the API as an RFC 9457 problem document; unexpected ones are logged and not told. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('problem');

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const response = http.getResponse<Response>();
    const problem = problemOf(error);
    if (problem.status >= 500) {
      const { method, originalUrl } = http.getRequest<Request>();
      this.logger.error(`${method} ${originalUrl}: ${traceOf(error)}`);
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
  }
}

const DATABASE_PROBLEMS: Readonly<Record<DatabaseErrorCode, ProblemCode>> = {
  not_found: 'not-found',
  superseded: 'conflict',
  conflict: 'conflict',
  finished: 'conflict',
  not_complete: 'conflict',
  lease_lost: 'lease-lost',
  idempotency_mismatch: 'idempotency-key-reused',
};

/** SQLSTATE character_not_in_repertoire, untranslatable_character, invalid_text_representation (in JSON). */
const UNSTORABLE_TEXT = ['22021', '22P05', '22P02'];

function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.toProblem();
  if (error instanceof DatabaseError) {
    return new ProblemError(DATABASE_PROBLEMS[error.code], error.message).toProblem();
  }
  if (error instanceof ConfigurationError) {
    return new ProblemError('invalid-configuration', error.message, error.problems).toProblem();
  }
  if (error instanceof JudgementError) {
    const { path, message } = error;
    return new ProblemError('invalid-request', `${path} ${message}`, [{ path, message }]).toProblem();
  }
  if (error instanceof ArtifactError && error.code !== 'malformed') {
    return { ...plain(error.code === 'missing' || error.code === 'invalid-id' ? 404 : 500, error.message) };
  }
  if (UNSTORABLE_TEXT.some((code) => isPostgresError(error, code))) {
    return plain(422, 'A text has a character that cannot be stored: U+0000, or half of a surrogate pair.');
  }
  if (error instanceof HttpException) return plain(error.getStatus(), error.message);
  const status = clientErrorStatus(error);
  if (status !== null) return plain(status, (error as Error).message);
  return plain(500, 'Something went wrong here; the log of the API says what.');
}

function plain(status: number, detail: string): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail };
}

/** A problem was foreseen and says enough; anything else is told with where it came from. */
function traceOf(error: unknown): string {
  if (error instanceof ProblemError) return error.detail;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Errors of the body parser carry a status and say whether their message may be shown. */
function clientErrorStatus(error: unknown): number | null {
  if (typeof error !== 'object' || error === null) return null;
  const { status, expose } = error as { status?: unknown; expose?: unknown };
  return typeof status === 'number' && status >= 400 && status < 500 && expose === true ? status : null;
}
