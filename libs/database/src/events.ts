import { sealEvent, type Actor, type EventAction, type EventDraft, type SealedEvent } from '@plumbline/audit';
import type { EntityManager } from 'typeorm';
import { query, type Database } from './transaction.js';

/** Columns of `events` that `eventValues` fills, in its order. */
export const EVENT_COLUMNS = `id, at, actor_kind, actor_id, action, subject_type, subject_id, run_id, payload, canonical, sha256`;

/** Values of one row of `events`. */
export function eventValues(event: SealedEvent): unknown[] {
  const { actor, subject } = event;
  return [
    event.id,
    event.at,
    actor.kind,
    actor.id,
    event.action,
    subject.type,
    subject.id,
    event.runId,
    JSON.stringify(event.payload),
    event.canonical,
    event.sha256,
  ];
}

/** Appends to the record, in the transaction of the change itself: hence a manager, never the data source. */
export async function appendEvent(manager: EntityManager, draft: EventDraft): Promise<void> {
  await manager.query(
    `INSERT INTO events (${EVENT_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    eventValues(sealEvent(draft)),
  );
}

export interface RecordedEvent {
  /** Position in the record; a cursor. */
  readonly seq: string;
  readonly id: string;
  readonly at: Date;
  readonly actor: Actor & {
    /** What to call them: a person's name, a labeler's pseudonym, a service. */ readonly name: string;
  };
  readonly action: EventAction;
  readonly subject: { readonly type: string; readonly id: string };
  readonly payload: Readonly<Record<string, unknown>>;
}

/** A run's events in the order of the record, `limit` of those after `cursor`. */
export async function listRunEvents(
  database: Database,
  { runId, cursor, limit }: { runId: string; cursor: string | null; limit: number },
): Promise<RecordedEvent[]> {
  const rows = await query<{
    seq: string;
    id: string;
    at: Date;
    actor_kind: Actor['kind'];
    actor_id: string;
    actor_name: string;
    action: EventAction;
    subject_type: string;
    subject_id: string;
    payload: Record<string, unknown>;
  }>(
    database,
    `SELECT e.seq, e.id, e.at, e.actor_kind, e.actor_id, e.action, e.subject_type, e.subject_id, e.payload,
            COALESCE(u.display_name, l.pseudonym, e.actor_id) AS actor_name
       FROM events e
       LEFT JOIN users u ON e.actor_kind = 'user' AND u.id::text = e.actor_id
       LEFT JOIN labelers l ON e.actor_kind = 'labeler' AND l.id::text = e.actor_id
      WHERE e.run_id = $1 AND e.seq > $2
      ORDER BY e.seq LIMIT $3`,
    [runId, cursor ?? '0', limit],
  );
  return rows.map((row) => ({
    seq: row.seq,
    id: row.id,
    at: row.at,
    actor: { kind: row.actor_kind, id: row.actor_id, name: row.actor_name },
    action: row.action,
    subject: { type: row.subject_type, id: row.subject_id },
    payload: row.payload,
  }));
}
