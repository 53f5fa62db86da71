export type DatabaseErrorCode =
  | 'not_found'
  | 'superseded'
  | 'conflict'
  | 'finished'
  | 'lease_lost'
  | 'idempotency_mismatch'
  | 'not_complete';

/** What the record refuses. One class for the package; `code` tells the cases apart. */
export class DatabaseError extends Error {
  override readonly name: string = 'DatabaseError';
  constructor(
    readonly code: DatabaseErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** A commit by an attempt that a later one has replaced: the caller must stop and change nothing more. */
export class SupersededError extends DatabaseError {
  override readonly name = 'SupersededError';
  constructor(
    readonly stepId: string,
    readonly epoch: number,
  ) {
    super('superseded', `attempt ${epoch} of step ${stepId} was superseded by a later one`);
  }
}
