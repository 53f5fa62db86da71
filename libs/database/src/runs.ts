import { randomUUID } from 'node:crypto';
import type { Actor, EventAction } from '@plumbline/audit';
import {
  isTerminal,
  runWorkflowId,
  type RunConfiguration,
  type Status,
  type StepInputs,
  type StepName,
} from '@plumbline/contracts';
import type { EntityManager } from 'typeorm';
import { registerArtifacts, type ArtifactDescription } from './artifacts.js';
import { Run } from './entities/index.js';
import { DatabaseError } from './errors.js';
import { appendEvent } from './events.js';
import { withoutNul } from './text.js';
import { inTransaction, query, type Database } from './transaction.js';

/** Where and with what a run executes. */
export interface Provenance {
  readonly commit: string | null;
  readonly dirty: boolean | null;
  readonly lockfileHash: string | null;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string | number>>;
}

export interface NewRun extends Provenance {
  readonly configuration: RunConfiguration;
  readonly configurationHash: string;
  readonly preset: string | null;
  readonly inputs: StepInputs;
  readonly fromStep?: StepName;
  readonly forkedFrom?: string;
  /** users.id */
  readonly startedBy: string;
}

/** Records a run as queued; its workflow is yet to be started. */
export async function createRun(
  database: Database,
  run: NewRun,
): Promise<{ runId: string; workflowId: string }> {
  const runId = randomUUID();
  const workflowId = runWorkflowId(runId);
  await inTransaction(database, async (manager) => {
    await manager.insert(Run, {
      id: runId,
      name: run.configuration.name,
      preset: run.preset,
      workflowId,
      status: 'queued',
      configuration: run.configuration,
      configurationHash: run.configurationHash,
      seed: run.configuration.seed,
      inputs: run.inputs,
      fromStep: run.fromStep ?? null,
      forkedFrom: run.forkedFrom ?? null,
      startedBy: run.startedBy,
      commit: run.commit,
      dirty: run.dirty,
      lockfileHash: run.lockfileHash,
      versions: { ...run.versions },
      machine: { ...run.machine },
    });
    await appendEvent(manager, {
      actor: { kind: 'user', id: run.startedBy },
      action: 'run.created',
      subject: { type: 'run', id: runId },
      runId,
      payload: {
        name: run.configuration.name,
        preset: run.preset,
        configurationHash: run.configurationHash,
        seed: run.configuration.seed,
        inputs: run.inputs,
        fromStep: run.fromStep ?? null,
        forkedFrom: run.forkedFrom ?? null,
        commit: run.commit,
        dirty: run.dirty,
        lockfileHash: run.lockfileHash,
      },
    });
  });
  return { runId, workflowId };
}

/** @throws DatabaseError `not_found` */
export async function getRun(database: Database, runId: string): Promise<Run> {
  const run = await managerOf(database).findOneBy(Run, { id: runId });
  if (run === null) throw new DatabaseError('not_found', `there is no run ${runId}`);
  return run;
}

/** A place in the list of runs, newest first. */
export interface RunCursor {
  /** ISO 8601 with microseconds, as Postgres keeps it. */
  readonly createdAt: string;
  readonly id: string;
}

export interface ListedRun {
  readonly id: string;
  readonly name: string;
  readonly status: Status;
  readonly preset: string | null;
  /** Display name of who started it. */
  readonly startedBy: string;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  /** The newest step that is not finished, or the newest one. */
  readonly currentStep: StepName | null;
  readonly progress: { phase: string; done: number; total: number; unit: string } | null;
  readonly cursor: RunCursor;
}

/** Runs, newest first: `limit` of those after `cursor`, the one with that id, or those that a study started. */
export async function listRuns(
  database: Database,
  {
    cursor = null,
    limit = 50,
    id = null,
    studyId = null,
  }: { cursor?: RunCursor | null; limit?: number; id?: string | null; studyId?: string | null } = {},
): Promise<ListedRun[]> {
  const rows = await query<{
    id: string;
    name: string;
    status: Status;
    preset: string | null;
    started_by_name: string;
    created_at: Date;
    created_at_exact: string;
    started_at: Date | null;
    finished_at: Date | null;
    current_step: StepName | null;
    progress: ListedRun['progress'];
  }>(
    database,
    `SELECT r.id, r.name, r.status, r.preset, u.display_name AS started_by_name,
            r.created_at, to_char(r.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at_exact,
            r.started_at, r.finished_at, s.name AS current_step, s.progress
       FROM runs r
       JOIN users u ON u.id = r.started_by
       LEFT JOIN LATERAL (
         SELECT name, COALESCE(
                  (SELECT jsonb_build_object('phase', 'collect', 'done', c.judged, 'total', c.required, 'unit', 'judgements')
                     FROM collections c WHERE c.step_id = steps.id),
                  progress) AS progress
           FROM steps WHERE run_id = r.id
          ORDER BY finished_at IS NOT NULL, created_at DESC LIMIT 1
       ) s ON true
      WHERE ($1::timestamptz IS NULL OR (r.created_at, r.id) < ($1::timestamptz, $2::uuid))
        AND ($4::uuid IS NULL OR r.id = $4::uuid)
        AND ($5::uuid IS NULL OR r.study_id = $5::uuid)
      ORDER BY r.created_at DESC, r.id DESC
      LIMIT $3`,
    [cursor?.createdAt ?? null, cursor?.id ?? null, limit, id, studyId],
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    status: row.status,
    preset: row.preset,
    startedBy: row.started_by_name,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    currentStep: row.current_step,
    progress: row.progress,
    cursor: { createdAt: row.created_at_exact, id: row.id },
  }));
}

export interface StatusChange {
  readonly runId: string;
  readonly status: Exclude<Status, 'queued'>;
  /** Stored as the run's error when it failed or was cancelled. */
  readonly reason?: string;
  readonly actor: Actor;
}

/**
 * Moves a run to a status. Repeating it changes nothing, and a finished run stays as it finished.
 *
 * @returns whether anything changed
 * @throws DatabaseError `not_found`
 */
export async function setRunStatus(database: Database, change: StatusChange): Promise<boolean> {
  const { runId, status, actor } = change;
  return inTransaction(database, async (manager) => {
    const [before] = await query<{ status: Status; started: boolean }>(
      manager,
      `SELECT status, started_at IS NOT NULL AS started FROM runs WHERE id = $1 FOR NO KEY UPDATE`,
      [runId],
    );
    if (before === undefined) throw new DatabaseError('not_found', `there is no run ${runId}`);
    if (before.status === status || isTerminal(before.status)) return false;
    const reason = change.reason === undefined ? null : withoutNul(change.reason);
    await manager.query(
      `UPDATE runs SET status = $2, error = $3,
              pause_requested = pause_requested AND NOT $4,
              started_at = COALESCE(started_at, CASE WHEN $2 <> 'cancelled' THEN now() END),
              finished_at = CASE WHEN $4 THEN now() END
        WHERE id = $1`,
      [runId, status, isTerminal(status) ? (reason ?? defaultReason(status)) : null, isTerminal(status)],
    );
    await appendEvent(manager, {
      actor,
      action: statusAction('run', status, before.started),
      subject: { type: 'run', id: runId },
      runId,
      payload: { from: before.status, ...(reason === null ? {} : { reason }) },
    });
    return true;
  });
}

/** Asks the run's compute step to stop after its next checkpoint, or takes that back; of a study, in all its runs. */
export async function setPauseRequested(
  database: Database,
  { runId, paused }: { runId: string; paused: boolean },
): Promise<void> {
  const rows = await query(
    database,
    `UPDATE runs SET pause_requested = $2
      WHERE id = $1 OR (study_id = $1 AND finished_at IS NULL) RETURNING id`,
    [runId, paused],
  );
  if (rows.length === 0) throw new DatabaseError('not_found', `there is no run ${runId}`);
}

/** Ties the report's two forms to the run. */
export async function setRunReport(
  database: Database,
  input: { runId: string; json: ArtifactDescription; html: ArtifactDescription; actor: Actor },
): Promise<void> {
  const { runId, json, html, actor } = input;
  await inTransaction(database, async (manager) => {
    await registerArtifacts(manager, [json, html]);
    const changed = await query(
      manager,
      `UPDATE runs SET report_json = $2, report_html = $3
        WHERE id = $1 AND (report_json, report_html) IS DISTINCT FROM ($2, $3) RETURNING id`,
      [runId, json.id, html.id],
    );
    if (changed.length === 0) return void (await getRun(manager, runId));
    await appendEvent(manager, {
      actor,
      action: 'run.reported',
      subject: { type: 'run', id: runId },
      runId,
      payload: { json: json.id, html: html.id },
    });
  });
}

/** Ties the archived workflow history to the run. */
export async function setRunHistory(
  database: Database,
  input: { runId: string; history: ArtifactDescription; actor: Actor },
): Promise<void> {
  const { runId, history, actor } = input;
  await inTransaction(database, async (manager) => {
    await registerArtifacts(manager, [history]);
    const changed = await query(
      manager,
      `UPDATE runs SET history_artifact = $2 WHERE id = $1 AND history_artifact IS DISTINCT FROM $2 RETURNING id`,
      [runId, history.id],
    );
    if (changed.length === 0) return void (await getRun(manager, runId));
    await appendEvent(manager, {
      actor,
      action: 'run.archived',
      subject: { type: 'run', id: runId },
      runId,
      payload: { history: history.id },
    });
  });
}

/**
 * Runs that should have a workflow and are not finished. One that was created a moment ago may still be on its way to
 * the workflow engine, and is left out.
 */
export async function listUnfinishedRuns(
  database: Database,
): Promise<{ runId: string; workflowId: string }[]> {
  return query(
    database,
    `SELECT id AS "runId", workflow_id AS "workflowId" FROM runs
      WHERE finished_at IS NULL AND (started_at IS NOT NULL OR created_at < now() - interval '1 minute')
      ORDER BY created_at`,
  );
}

/** Runs that are finished but whose workflow history is not archived yet; imports had no workflow. */
export async function listUnarchivedRuns(
  database: Database,
  limit = 20,
): Promise<{ runId: string; workflowId: string }[]> {
  return query(
    database,
    `SELECT id AS "runId", workflow_id AS "workflowId" FROM runs
      WHERE finished_at IS NOT NULL AND history_artifact IS NULL AND (started_at IS NOT NULL OR status = 'cancelled')
        AND NOT EXISTS (SELECT 1 FROM preference_imports i WHERE i.run_id = runs.id)
      ORDER BY finished_at LIMIT $1`,
    [limit],
  );
}

/** The event that says that a run or step came to a status. */
export function statusAction(subject: 'run' | 'step', status: Status, startedBefore: boolean): EventAction {
  switch (status) {
    case 'running':
      return startedBefore ? `${subject}.resumed` : `${subject}.started`;
    case 'waiting':
    case 'paused':
    case 'completed':
    case 'failed':
    case 'cancelled':
      return `${subject}.${status}`;
    case 'queued':
      throw new Error(`a ${subject} never goes back to queued`);
  }
}

/** A failure always has a reason; what gave none says so. */
export function defaultReason(status: Status): string | null {
  return status === 'failed' ? 'no reason was given' : null;
}

function managerOf(database: Database): EntityManager {
  return 'manager' in database ? database.manager : database;
}
