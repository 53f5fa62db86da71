export type ServicesErrorCode =
  | 'binary-missing'
  | 'port-in-use'
  | 'not-ready'
  | 'no-database-user'
  | 'unreachable-directory'
  | 'already-changing'
  | 'not-built'
  | 'child-failed'
  | 'damaged-file';

/** A service could not be started or stopped; the message says what and where, and what to do about it. */
export class ServicesError extends Error {
  constructor(
    readonly code: ServicesErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ServicesError';
  }
}
