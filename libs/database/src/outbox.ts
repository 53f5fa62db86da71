import { query, type Database } from './transaction.js';

export interface OutboxMessage {
  readonly id: string;
  readonly runId: string;
  readonly topic: string;
}

/** Topic of messages about judgements: the run's collecting workflow should look again. */
export const JUDGEMENTS_TOPIC = 'judgements';

/**
 * The oldest messages that were not dispatched. Selected by that, never by "id above the last": a transaction that
 * took a lower id may commit later.
 */
export async function takeUndispatched(database: Database, limit = 1000): Promise<OutboxMessage[]> {
  return query(
    database,
    `SELECT id, run_id AS "runId", topic FROM outbox WHERE dispatched_at IS NULL ORDER BY id LIMIT $1`,
    [limit],
  );
}

/** To be called after the messages were sent: one that is lost in between is sent again. */
export async function markDispatched(database: Database, ids: readonly string[]): Promise<void> {
  await query(
    database,
    `UPDATE outbox SET dispatched_at = now() WHERE id = ANY($1) AND dispatched_at IS NULL`,
    [ids],
  );
}
