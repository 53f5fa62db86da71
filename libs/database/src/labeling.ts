import { randomUUID } from 'node:crypto';
import { canonicalJson, sha256 } from '@plumbline/artifacts';
import { sealEvent } from '@plumbline/audit';
import type { Message, Outcome, TextPart } from '@plumbline/contracts';
import type { EntityManager } from 'typeorm';
import { DatabaseError } from './errors.js';
import { appendEvent, EVENT_COLUMNS, eventValues } from './events.js';
import { JUDGEMENTS_TOPIC } from './outbox.js';
import { withoutNul } from './text.js';
import { inTransaction, query, queryPrepared, violatesUnique, type Database } from './transaction.js';

/** How long a labeler holds a slot, milliseconds. Long enough to think, short enough for another to take over. */
export const LEASE_MS = 10 * 60_000;

export interface LabelingProgress {
  /** By the labeler who asks. */
  readonly judgedByMe: number;
  readonly judged: number;
  readonly required: number;
}

/** A slot that a labeler holds, with all that is shown. */
export interface LeasedSlot {
  readonly slotId: string;
  readonly stepId: string;
  readonly runId: string;
  readonly runName: string;
  readonly comparisonId: string;
  readonly comparisonKey: string;
  readonly ordinal: number;
  /** The run's seed. */
  readonly seed: number;
  readonly prompt: readonly Message[];
  /** In the comparison set's order, not the displayed one. */
  readonly responses: readonly {
    readonly id: string;
    readonly key: string;
    readonly content: readonly TextPart[];
  }[];
  readonly guideline: { readonly version: number; readonly text: string };
  readonly leaseExpiresAt: Date;
  /** Of the collection that the slot belongs to. */
  readonly progress: LabelingProgress;
}

/**
 * Collect steps that take judgements now, oldest first. Those reserved for simulated labelers count only for them, or
 * when the run is asked for by name: a passer-by must not change a simulated run.
 * $1 labeler, $2 run or null.
 */
const LIVE_COLLECTIONS = `
  SELECT c.step_id, c.run_id, c.judged, c.required
    FROM collections c
    JOIN steps st ON st.id = c.step_id AND st.status IN ('running', 'waiting')
   WHERE c.frozen_at IS NULL
     AND ($2::uuid IS NOT NULL OR c.audience = 'people')
     AND ($2::uuid IS NULL OR c.run_id = $2::uuid)`;

/**
 * Gives the labeler something to judge and leases it to them: what they hold already, else the first open slot of a
 * comparison they have not seen, else one whose lease ran out. Labelers at the same time never get the same slot.
 *
 * @param runId only this run's comparisons; null: any run that waits for people
 * @returns null when there is nothing for this labeler now
 */
export async function takeNextSlot(
  database: Database,
  input: { labelerId: string; runId: string | null; leaseMs?: number },
): Promise<LeasedSlot | null> {
  const { labelerId, runId, leaseMs = LEASE_MS } = input;
  return inTransaction(database, async (manager) => {
    // One at a time per labeler: a double click must not lease two slots.
    await manager.query(`SELECT 1 FROM labelers WHERE id = $1 FOR NO KEY UPDATE`, [labelerId]);
    const [leased] = await queryPrepared<{ id: string }>(
      manager,
      'take-slot',
      `WITH live AS MATERIALIZED (${LIVE_COLLECTIONS} AND c.judged < c.required ORDER BY c.published_at, c.step_id),
       held AS (
         SELECT s.id FROM slots s
          WHERE s.labeler_id = $1 AND s.state = 'leased' AND s.step_id IN (SELECT step_id FROM live)
          LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
       ),
       open AS (
         SELECT found.id FROM live, LATERAL (
           SELECT s.id FROM slots s
            WHERE s.step_id = live.step_id AND s.state = 'open'
              AND NOT EXISTS (SELECT 1 FROM slots mine
                               WHERE mine.comparison_id = s.comparison_id AND mine.labeler_id = $1)
              AND NOT EXISTS (SELECT 1 FROM held)
            ORDER BY s.ordinal, s.position
            LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
         ) found
         LIMIT 1
       ),
       expired AS (
         SELECT found.id FROM live, LATERAL (
           SELECT s.id FROM slots s
            WHERE s.step_id = live.step_id AND s.state = 'leased' AND s.lease_expires_at <= now()
              AND NOT EXISTS (SELECT 1 FROM slots mine
                               WHERE mine.comparison_id = s.comparison_id AND mine.labeler_id = $1)
              AND NOT EXISTS (SELECT 1 FROM held) AND NOT EXISTS (SELECT 1 FROM open)
            ORDER BY s.lease_expires_at
            LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
         ) found
         LIMIT 1
       )
       UPDATE slots SET state = 'leased', labeler_id = $1,
              lease_expires_at = now() + $3 * interval '1 millisecond'
        WHERE id = (SELECT id FROM held UNION ALL SELECT id FROM open UNION ALL SELECT id FROM expired LIMIT 1)
       RETURNING id`,
      [labelerId, runId, leaseMs],
    );
    return leased === undefined ? null : readSlot(manager, leased.id);
  });
}

async function readSlot(manager: EntityManager, slotId: string): Promise<LeasedSlot> {
  const [row] = await queryPrepared<
    Omit<LeasedSlot, 'seed' | 'guideline' | 'progress'> &
      LabelingProgress & { seed: string; version: number; text: string }
  >(
    manager,
    'read-slot',
    `SELECT s.id AS "slotId", s.step_id AS "stepId", l.run_id AS "runId", r.name AS "runName",
            s.comparison_id AS "comparisonId", c.key AS "comparisonKey", s.ordinal, l.seed, p.content AS prompt,
            (SELECT jsonb_agg(jsonb_build_object('id', e.id, 'key', e.key, 'content', e.content) ORDER BY cr.position)
               FROM comparison_responses cr JOIN responses e ON e.id = cr.response_id
              WHERE cr.comparison_id = c.id) AS responses,
            g.version, g.text, s.lease_expires_at AS "leaseExpiresAt",
            l.judged, l.required, COALESCE(m.judged, 0) AS "judgedByMe"
       FROM slots s
       JOIN comparisons c ON c.id = s.comparison_id
       JOIN prompts p ON p.id = c.prompt_id
       JOIN collections l ON l.step_id = s.step_id
       JOIN guidelines g ON g.step_id = l.step_id AND g.version = l.guideline_version
       JOIN runs r ON r.id = l.run_id
       LEFT JOIN collection_labelers m ON m.step_id = s.step_id AND m.labeler_id = s.labeler_id
      WHERE s.id = $1`,
    [slotId],
  );
  if (row === undefined) throw new DatabaseError('not_found', `there is no slot ${slotId}`);
  const { seed, version, text, judgedByMe, judged, required, ...slot } = row;
  return {
    ...slot,
    seed: Number(seed),
    guideline: { version, text },
    progress: { judgedByMe, judged, required },
  };
}

/**
 * How far a run's collection is; without a run, how far those are that wait for people now, and how many judgements
 * the labeler has made for people's collections in all.
 */
export async function labelingProgress(
  database: Database,
  input: { labelerId: string; runId: string | null },
): Promise<LabelingProgress> {
  const [row] = await query<LabelingProgress>(
    database,
    `SELECT COALESCE(sum(c.judged) FILTER (WHERE $2::uuid IS NOT NULL OR st.status IN ('running', 'waiting')), 0)::integer
              AS judged,
            COALESCE(sum(c.required) FILTER (WHERE $2::uuid IS NOT NULL OR st.status IN ('running', 'waiting')), 0)::integer
              AS required,
            COALESCE(sum(m.judged), 0)::integer AS "judgedByMe"
       FROM collections c
       JOIN steps st ON st.id = c.step_id
       LEFT JOIN collection_labelers m ON m.step_id = c.step_id AND m.labeler_id = $1
      WHERE ($2::uuid IS NULL OR c.run_id = $2::uuid) AND ($2::uuid IS NOT NULL OR c.audience = 'people')`,
    [input.labelerId, input.runId],
  );
  return row as LabelingProgress;
}

/** What a judgement is decided from, given by the caller; ranks in the comparison set's order. */
export interface Decision {
  readonly outcome: Outcome;
  readonly ranks: readonly number[];
  /** Positions of the responses in the order shown. */
  readonly displayedOrder: readonly number[];
}

/** The slot being judged, as the caller needs it to check the request. */
export interface JudgedSlot {
  readonly comparisonKey: string;
  readonly ordinal: number;
  readonly seed: number;
  /** In the comparison set's order. */
  readonly responseIds: readonly string[];
}

export interface JudgementAnswer {
  readonly judgementId: string;
  readonly progress: LabelingProgress;
}

interface Submission {
  readonly labelerId: string;
  readonly slotId: string;
  /** Limits the labeler to this run; null: no limit. */
  readonly runId: string | null;
  readonly idempotencyKey: string;
}

/**
 * Commits a judgement together with its event, counters and the message to the waiting workflow. The same key and
 * body give the same answer again, without judging again.
 *
 * @param decide checks the request against the slot; what it throws is passed on and nothing is changed
 * @throws DatabaseError `lease_lost` when the labeler does not hold the slot; `idempotency_mismatch` when the key was
 *   used for something else
 */
export async function submitJudgement(
  database: Database,
  input: Submission & {
    /** The request as it came, for comparison with an earlier one under the same key. */
    readonly body: unknown;
    readonly durationMs: number;
    readonly decide: (slot: JudgedSlot) => Decision;
  },
): Promise<JudgementAnswer> {
  return judge(database, input, { kind: 'judgement', body: input.body }, async (manager, slot, bodyHash) => {
    const { outcome, ranks, displayedOrder } = input.decide(slot);
    return record(manager, input, slot, {
      outcome,
      ranks,
      displayedOrder,
      durationMs: input.durationMs,
      reason: null,
      bodyHash,
    });
  });
}

/**
 * Gives a slot back for good: it stays with the labeler as skipped, and a new slot is opened for somebody else.
 *
 * @throws DatabaseError as `submitJudgement`
 */
export async function skipSlot(
  database: Database,
  input: Submission & {
    readonly reason: string | null;
    readonly displayedOrder: (slot: JudgedSlot) => readonly number[];
  },
): Promise<JudgementAnswer> {
  const reason = input.reason === null ? null : withoutNul(input.reason);
  return judge(database, input, { kind: 'skip', reason }, async (manager, slot, bodyHash) => {
    // Two labelers may skip slots of one comparison at the same time; the ordinal is the next one for each.
    await manager.query(`SELECT 1 FROM comparisons WHERE id = $1 FOR NO KEY UPDATE`, [slot.comparison_id]);
    const answer = await record(manager, input, slot, {
      outcome: 'skipped',
      ranks: [],
      displayedOrder: input.displayedOrder(slot),
      durationMs: null,
      reason,
      bodyHash,
    });
    await manager.query(
      `INSERT INTO slots (id, step_id, comparison_id, ordinal, position, state)
       SELECT gen_random_uuid(), step_id, comparison_id, max(ordinal) + 1, position, 'open'
         FROM slots WHERE comparison_id = $1 GROUP BY step_id, comparison_id, position`,
      [slot.comparison_id],
    );
    return answer;
  });
}

interface LockedSlot extends JudgedSlot {
  readonly step_id: string;
  readonly run_id: string;
  readonly comparison_id: string;
  readonly guideline_version: number;
  readonly held: boolean;
}

async function judge(
  database: Database,
  submission: Submission,
  body: unknown,
  work: (manager: EntityManager, slot: LockedSlot, bodyHash: string) => Promise<JudgementAnswer>,
): Promise<JudgementAnswer> {
  const { labelerId, slotId, runId, idempotencyKey } = submission;
  const bodyHash = sha256(canonicalJson({ slotId, body }));
  try {
    return await inTransaction(database, async (manager) => {
      const slot = await lockSlot(manager, slotId, labelerId);
      if (slot?.held === true && (runId === null || slot.run_id === runId))
        return work(manager, slot, bodyHash);
      const earlier = await earlierAnswer(manager, labelerId, idempotencyKey, bodyHash);
      if (earlier !== null) return earlier;
      throw new DatabaseError('lease_lost', `slot ${slotId} is not leased to you: ask for the next task`);
    });
  } catch (error) {
    if (!violatesUnique(error, 'judgements_labeler_id_idempotency_key_key')) throw error;
    // The slot is held, so it was not judged: the key belongs to another request.
    throw mismatch(idempotencyKey);
  }
}

async function lockSlot(
  manager: EntityManager,
  slotId: string,
  labelerId: string,
): Promise<LockedSlot | undefined> {
  const [row] = await queryPrepared<Omit<LockedSlot, 'seed'> & { seed: string }>(
    manager,
    'lock-slot',
    `SELECT s.step_id, l.run_id, s.comparison_id, l.guideline_version, c.key AS "comparisonKey", s.ordinal, l.seed,
            ARRAY(SELECT response_id FROM comparison_responses WHERE comparison_id = c.id ORDER BY position)
              AS "responseIds",
            s.state = 'leased' AND s.labeler_id = $2 AND s.lease_expires_at > now() AND l.frozen_at IS NULL
              AND st.status IN ('running', 'waiting') AS held
       FROM slots s
       JOIN comparisons c ON c.id = s.comparison_id
       JOIN collections l ON l.step_id = s.step_id
       JOIN steps st ON st.id = s.step_id
      WHERE s.id = $1
        FOR NO KEY UPDATE OF s`,
    [slotId, labelerId],
  );
  return row === undefined ? undefined : { ...row, seed: Number(row.seed) };
}

async function earlierAnswer(
  manager: EntityManager,
  labelerId: string,
  idempotencyKey: string,
  bodyHash: string,
): Promise<JudgementAnswer | null> {
  const [earlier] = await query<{ body_hash: string; answer: JudgementAnswer }>(
    manager,
    `SELECT body_hash, answer FROM judgements WHERE labeler_id = $1 AND idempotency_key = $2`,
    [labelerId, idempotencyKey],
  );
  if (earlier === undefined) return null;
  if (earlier.body_hash !== bodyHash) throw mismatch(idempotencyKey);
  return earlier.answer;
}

function mismatch(idempotencyKey: string): DatabaseError {
  return new DatabaseError(
    'idempotency_mismatch',
    `the idempotency key ${JSON.stringify(idempotencyKey)} was used for another request`,
  );
}

/** Writes the judgement and all that goes with it. */
async function record(
  manager: EntityManager,
  { labelerId, slotId, idempotencyKey }: Submission,
  slot: LockedSlot,
  judgement: Decision & {
    readonly durationMs: number | null;
    readonly reason: string | null;
    readonly bodyHash: string;
  },
): Promise<JudgementAnswer> {
  const skipped = judgement.outcome === 'skipped';
  const judgementId = randomUUID();
  const event = sealEvent({
    actor: { kind: 'labeler', id: labelerId },
    action: skipped ? 'judgement.skipped' : 'judgement.submitted',
    subject: { type: 'judgement', id: judgementId },
    runId: slot.run_id,
    payload: {
      comparison: slot.comparisonKey,
      ordinal: slot.ordinal,
      outcome: judgement.outcome,
      ranks: judgement.ranks,
      displayedOrder: judgement.displayedOrder,
      guidelineVersion: slot.guideline_version,
      durationMs: judgement.durationMs,
      ...(judgement.reason === null ? {} : { reason: judgement.reason }),
    },
  });
  // The collection's row is what labelers meet at, so it is touched late and with everything after it in one statement.
  await manager.query(`UPDATE slots SET state = $2, lease_expires_at = NULL WHERE id = $1`, [
    slotId,
    skipped ? 'skipped' : 'done',
  ]);
  const [answer] = await queryPrepared<{ answer: JudgementAnswer }>(
    manager,
    'record-judgement',
    `WITH mine AS (
       INSERT INTO collection_labelers AS m (step_id, labeler_id, judged) VALUES ($12, $3, $13)
       ON CONFLICT (step_id, labeler_id) DO UPDATE SET judged = m.judged + $13 RETURNING judged
     ),
     total AS (UPDATE collections SET judged = judged + $13 WHERE step_id = $12 RETURNING judged, required),
     event AS (
       INSERT INTO events (${EVENT_COLUMNS})
       VALUES ($15, $16, $17, $18, $19, $20, $21, $14, $22, $23, $24)
     ),
     message AS (INSERT INTO outbox (run_id, topic) VALUES ($14, $25))
     INSERT INTO judgements (id, slot_id, labeler_id, comparison_id, outcome, ranks, displayed_order,
                             guideline_version, duration_ms, reason, idempotency_key, body_hash, answer)
     SELECT $1::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $26,
            jsonb_build_object('judgementId', $1::uuid, 'progress', jsonb_build_object(
              'judgedByMe', mine.judged, 'judged', total.judged, 'required', total.required))
       FROM mine, total
     RETURNING answer`,
    [
      judgementId,
      slotId,
      labelerId,
      slot.comparison_id,
      judgement.outcome,
      judgement.ranks,
      judgement.displayedOrder,
      slot.guideline_version,
      judgement.durationMs,
      judgement.reason,
      idempotencyKey,
      slot.step_id,
      skipped ? 0 : 1,
      slot.run_id,
      ...eventValues(event).filter((_, column) => column !== RUN_ID_COLUMN),
      JUDGEMENTS_TOPIC,
      judgement.bodyHash,
    ],
  );
  if (answer === undefined) throw new Error(`the judgement of slot ${slotId} was not recorded`);
  return answer.answer;
}

/** Place of run_id among the event's columns; the statement above has the run as $14 already. */
const RUN_ID_COLUMN = EVENT_COLUMNS.split(', ').indexOf('run_id');

/**
 * The labeler that a user judges as, created on first use. The pseudonym says nothing of who it is.
 */
export async function labelerOf(database: Database, userId: string): Promise<string> {
  const [known] = await query<{ labeler_id: string }>(
    database,
    `SELECT labeler_id FROM labeler_identities WHERE user_id = $1`,
    [userId],
  );
  if (known !== undefined) return known.labeler_id;
  return inTransaction(database, async (manager) => {
    const [user] = await query<{ kind: string }>(
      manager,
      `SELECT kind FROM users WHERE id = $1 FOR NO KEY UPDATE`,
      [userId],
    );
    if (user === undefined) throw new DatabaseError('not_found', `there is no user ${userId}`);
    const [meanwhile] = await query<{ labeler_id: string }>(
      manager,
      `SELECT labeler_id FROM labeler_identities WHERE user_id = $1`,
      [userId],
    );
    return (
      meanwhile?.labeler_id ??
      createLabeler(manager, userId, user.kind === 'simulated' ? 'simulated' : 'person')
    );
  });
}

async function createLabeler(
  manager: EntityManager,
  userId: string,
  kind: 'person' | 'simulated',
): Promise<string> {
  const labelerId = randomUUID();
  await manager.query(`INSERT INTO labelers (id, kind, pseudonym) VALUES ($1, $2, $3)`, [
    labelerId,
    kind,
    `labeler-${labelerId.slice(0, 8)}`,
  ]);
  await manager.query(`INSERT INTO labeler_identities (labeler_id, user_id) VALUES ($1, $2)`, [
    labelerId,
    userId,
  ]);
  await appendEvent(manager, {
    actor: { kind: 'labeler', id: labelerId },
    action: 'labeler.created',
    subject: { type: 'labeler', id: labelerId },
    payload: { kind },
  });
  return labelerId;
}
