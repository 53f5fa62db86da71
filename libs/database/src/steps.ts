import { randomUUID } from 'node:crypto';
import type { Actor } from '@plumbline/audit';
import {
  isTerminal,
  type RunConfiguration,
  type Status,
  type StepInputs,
  type StepName,
  type TrainingWarning,
} from '@plumbline/contracts';
import type { EntityManager } from 'typeorm';
import { registerArtifacts, type ArtifactDescription } from './artifacts.js';
import type { StoredProgress } from './entities/index.js';
import { DatabaseError, SupersededError } from './errors.js';
import { appendEvent } from './events.js';
import { upsertMetrics, type MetricPoint } from './metrics.js';
import { defaultReason, setRunStatus, statusAction } from './runs.js';
import { withoutNul } from './text.js';
import { inTransaction, query, type Database } from './transaction.js';

/**
 * Creates the step's row, or finds it, and marks it and its run running. Safe to repeat; a finished step stays so.
 *
 * @throws DatabaseError `not_found` for the run; Postgres' foreign key error for an input the record does not know
 */
export async function beginStep(
  database: Database,
  input: { runId: string; step: StepName; inputs: StepInputs; actor: Actor },
): Promise<{ stepId: string }> {
  const { runId, step, inputs, actor } = input;
  return inTransaction(database, async (manager) => {
    await manager.query(
      `INSERT INTO steps (id, run_id, name, status) VALUES ($1, $2, $3, 'queued') ON CONFLICT (run_id, name) DO NOTHING`,
      [randomUUID(), runId, step],
    );
    const row = await lockStep(manager, `run_id = $1 AND name = $2`, [runId, step]);
    for (const [name, artifactId] of Object.entries(inputs).sort()) {
      await manager.query(
        `INSERT INTO step_artifacts (step_id, direction, name, artifact_id) VALUES ($1, 'input', $2, $3)
         ON CONFLICT (step_id, direction, name) DO NOTHING`,
        [row.id, name, artifactId],
      );
    }
    await changeStatus(manager, row, 'running', actor, { payload: { inputs } });
    await setRunStatus(manager, { runId, status: 'running', actor });
    return { stepId: row.id };
  });
}

/** Moves a step to a status; while it waits for people, so does its run. Repeating it changes nothing. */
export async function markStep(
  database: Database,
  input: { stepId: string; status: Exclude<Status, 'queued' | 'completed'>; reason?: string; actor: Actor },
): Promise<void> {
  const { stepId, status, actor } = input;
  await inTransaction(database, async (manager) => {
    const row = await lockStep(manager, `id = $1`, [stepId]);
    const reason = input.reason === undefined ? null : withoutNul(input.reason);
    const changed = await changeStatus(manager, row, status, actor, {
      error: isTerminal(status) ? (reason ?? defaultReason(status)) : null,
      payload: reason === null ? {} : { reason },
    });
    if (changed && (status === 'waiting' || status === 'running')) {
      await setRunStatus(manager, { runId: row.run_id, status, actor });
    }
  });
}

/** Marks a step completed with its outputs. Safe to repeat. */
export async function completeStep(
  database: Database,
  input: { stepId: string; outputs: Readonly<Record<string, ArtifactDescription>>; actor: Actor },
): Promise<void> {
  const { stepId, outputs, actor } = input;
  await inTransaction(database, async (manager) => {
    const row = await lockStep(manager, `id = $1`, [stepId]);
    if (isTerminal(row.status)) return;
    await registerArtifacts(manager, Object.values(outputs));
    for (const [name, { id }] of Object.entries(outputs).sort()) {
      await manager.query(
        `INSERT INTO step_artifacts (step_id, direction, name, artifact_id) VALUES ($1, 'output', $2, $3)`,
        [stepId, name, id],
      );
    }
    const ids = Object.fromEntries(Object.entries(outputs).map(([name, { id }]) => [name, id]));
    await changeStatus(manager, row, 'completed', actor, { payload: { outputs: ids } });
    // A run that waited for people's judgements has them now.
    const [run] = await query<{ status: Status }>(manager, `SELECT status FROM runs WHERE id = $1`, [
      row.run_id,
    ]);
    if (run?.status === 'waiting')
      await setRunStatus(manager, { runId: row.run_id, status: 'running', actor });
  });
}

export interface StepWork {
  readonly stepId: string;
  readonly runId: string;
  readonly name: StepName;
  readonly status: Status;
  readonly configuration: RunConfiguration;
  readonly inputs: StepInputs;
  readonly outputs: Readonly<Record<string, string>>;
  readonly plan: Readonly<Record<string, unknown>> | null;
  readonly epoch: number;
  readonly pauseRequested: boolean;
}

/** What a worker needs to know to do a step. @throws DatabaseError `not_found` */
export async function getStepWork(database: Database, stepId: string): Promise<StepWork> {
  const [row] = await query<StepWork>(
    database,
    `SELECT s.id AS "stepId", s.run_id AS "runId", s.name, s.status, s.plan, s.epoch,
            r.configuration, r.pause_requested AS "pauseRequested",
            COALESCE((SELECT jsonb_object_agg(name, artifact_id) FROM step_artifacts
                       WHERE step_id = s.id AND direction = 'input'), '{}') AS inputs,
            COALESCE((SELECT jsonb_object_agg(name, artifact_id) FROM step_artifacts
                       WHERE step_id = s.id AND direction = 'output'), '{}') AS outputs
       FROM steps s JOIN runs r ON r.id = s.run_id
      WHERE s.id = $1`,
    [stepId],
  );
  if (row === undefined) throw new DatabaseError('not_found', `there is no step ${stepId}`);
  return row;
}

export interface Attempt {
  /** Names this attempt in every commit. */
  readonly epoch: number;
  /** Newest committed checkpoint, to continue from. */
  readonly checkpoint: { readonly index: number; readonly artifactId: string } | null;
}

/**
 * Starts an attempt at a step: from here on, commits of earlier attempts are refused.
 *
 * @throws DatabaseError `not_found`; `finished` when the step needs no more attempts
 */
export async function issueEpoch(
  database: Database,
  input: { stepId: string; actor: Actor },
): Promise<Attempt> {
  const { stepId, actor } = input;
  return inTransaction(database, async (manager) => {
    const row = await lockStep(manager, `id = $1`, [stepId]);
    if (isTerminal(row.status))
      throw new DatabaseError('finished', `step ${stepId} is ${row.status} already`);
    const epoch = row.epoch + 1;
    await manager.query(`UPDATE steps SET epoch = $2 WHERE id = $1`, [stepId, epoch]);
    const [checkpoint] = await query<{ index: number; artifactId: string }>(
      manager,
      `SELECT index, artifact_id AS "artifactId" FROM checkpoints WHERE step_id = $1 ORDER BY index DESC LIMIT 1`,
      [stepId],
    );
    await appendEvent(manager, {
      actor,
      action: 'step.attempted',
      subject: { type: 'step', id: stepId },
      runId: row.run_id,
      payload: { epoch, resumeFrom: checkpoint?.artifactId ?? null },
    });
    return { epoch, checkpoint: checkpoint ?? null };
  });
}

/** Stores the execution plan before the first update. The first plan stays: every attempt uses the same. */
export async function storePlan(
  database: Database,
  input: { stepId: string; epoch: number; plan: Readonly<Record<string, unknown>>; actor: Actor },
): Promise<Readonly<Record<string, unknown>>> {
  const { stepId, epoch, plan, actor } = input;
  return inTransaction(database, async (manager) => {
    const row = await lockAttempt(manager, stepId, epoch);
    if (row.plan !== null) return row.plan;
    await manager.query(`UPDATE steps SET plan = $2 WHERE id = $1`, [stepId, JSON.stringify(plan)]);
    await appendEvent(manager, {
      actor,
      action: 'step.planned',
      subject: { type: 'step', id: stepId },
      runId: row.run_id,
      payload: { plan },
    });
    return plan;
  });
}

export interface CheckpointCommit {
  readonly stepId: string;
  readonly epoch: number;
  /** Updates or iterations done. */
  readonly index: number;
  /** The checkpoint's manifest. */
  readonly artifactId: string;
  /** Size of the manifest. */
  readonly bytes: number;
  /** Measured since the previous commit. */
  readonly metrics?: readonly MetricPoint[];
  readonly progress?: StoredProgress;
  readonly actor: Actor;
}

/**
 * Makes a checkpoint the one to continue from, together with what was measured on the way. Committing the same
 * checkpoint again is allowed: the answer to the first commit may have been lost.
 *
 * @returns whether somebody asked the run to pause
 * @throws SupersededError when a later attempt has started
 * @throws DatabaseError `conflict` when another checkpoint stands at this index or beyond
 */
export async function commitCheckpoint(
  database: Database,
  commit: CheckpointCommit,
): Promise<{ pauseRequested: boolean }> {
  const { stepId, epoch, index, artifactId, actor } = commit;
  return inTransaction(database, async (manager) => {
    const row = await lockAttempt(manager, stepId, epoch);
    const [newest] = await query<{ index: number; artifact_id: string }>(
      manager,
      `SELECT index, artifact_id FROM checkpoints WHERE step_id = $1 ORDER BY index DESC LIMIT 1`,
      [stepId],
    );
    const repeated = newest?.index === index && newest.artifact_id === artifactId;
    if (!repeated) {
      if (newest !== undefined && newest.index >= index) {
        throw new DatabaseError(
          'conflict',
          `step ${stepId} has checkpoint ${newest.artifact_id} at ${newest.index}; refused ${artifactId} at ${index}`,
        );
      }
      await registerArtifacts(manager, [
        { id: artifactId, kind: 'checkpoint', mediaType: 'application/json', bytes: commit.bytes },
      ]);
      await manager.query(
        `INSERT INTO checkpoints (step_id, index, artifact_id, epoch) VALUES ($1, $2, $3, $4)`,
        [stepId, index, artifactId, epoch],
      );
      await appendEvent(manager, {
        actor,
        action: 'checkpoint.committed',
        subject: { type: 'step', id: stepId },
        runId: row.run_id,
        payload: { step: row.name, index, checkpoint: artifactId, epoch },
      });
    }
    await upsertMetrics(manager, stepId, commit.metrics ?? []);
    if (commit.progress !== undefined) {
      await manager.query(`UPDATE steps SET progress = $2 WHERE id = $1`, [
        stepId,
        JSON.stringify(commit.progress),
      ]);
    }
    const [run] = await query<{ pause_requested: boolean }>(
      manager,
      `SELECT pause_requested FROM runs WHERE id = $1`,
      [row.run_id],
    );
    return { pauseRequested: run?.pause_requested ?? false };
  });
}

/**
 * Says how far the step is, between checkpoints. One statement, no event: this is not history.
 *
 * @returns whether somebody asked the run to pause
 * @throws SupersededError when a later attempt has started
 */
export async function reportProgress(
  database: Database,
  input: { stepId: string; epoch: number; progress: StoredProgress },
): Promise<{ pauseRequested: boolean }> {
  const [row] = await query<{ pause_requested: boolean }>(
    database,
    `UPDATE steps s SET progress = $3 FROM runs r
      WHERE s.id = $1 AND s.epoch = $2 AND r.id = s.run_id RETURNING r.pause_requested`,
    [input.stepId, input.epoch, JSON.stringify(input.progress)],
  );
  if (row === undefined) throw new SupersededError(input.stepId, input.epoch);
  return { pauseRequested: row.pause_requested };
}

/**
 * Adds to the step's curves, between checkpoints. An attempt that repeats updates writes the same points again.
 *
 * @throws SupersededError when a later attempt has started
 */
export async function appendMetrics(
  database: Database,
  input: { stepId: string; epoch: number; metrics: readonly MetricPoint[] },
): Promise<void> {
  await inTransaction(database, async (manager) => {
    await lockAttempt(manager, input.stepId, input.epoch);
    await upsertMetrics(manager, input.stepId, input.metrics);
  });
}

/**
 * Puts warnings into the record, each once: an attempt that repeats iterations finds the same again.
 *
 * @throws SupersededError when a later attempt has started
 */
export async function recordWarnings(
  database: Database,
  input: { stepId: string; epoch: number; warnings: readonly TrainingWarning[]; actor: Actor },
): Promise<void> {
  const { stepId, epoch, warnings, actor } = input;
  await inTransaction(database, async (manager) => {
    const row = await lockAttempt(manager, stepId, epoch);
    const recorded = await query<{ kind: string; index: number }>(
      manager,
      `SELECT payload->>'kind' AS kind, (payload->>'index')::int AS index FROM events
        WHERE run_id = $1 AND action = 'step.warned' AND subject_id = $2`,
      [row.run_id, stepId],
    );
    for (const { kind, index, message } of warnings) {
      if (recorded.some((one) => one.kind === kind && one.index === index)) continue;
      await appendEvent(manager, {
        actor,
        action: 'step.warned',
        subject: { type: 'step', id: stepId },
        runId: row.run_id,
        payload: { kind, index, message },
      });
    }
  });
}

interface LockedStep {
  readonly id: string;
  readonly run_id: string;
  readonly name: StepName;
  readonly status: Status;
  readonly epoch: number;
  readonly plan: Readonly<Record<string, unknown>> | null;
  readonly started: boolean;
}

async function lockStep(
  manager: EntityManager,
  condition: string,
  parameters: readonly unknown[],
): Promise<LockedStep> {
  const [row] = await query<LockedStep>(
    manager,
    `SELECT id, run_id, name, status, epoch, plan, started_at IS NOT NULL AS started
       FROM steps WHERE ${condition} FOR NO KEY UPDATE`,
    parameters,
  );
  if (row === undefined) throw new DatabaseError('not_found', `there is no step ${parameters.join(' ')}`);
  return row;
}

/** Fences: holds the step's row, so that no other attempt can start before this transaction ends. */
async function lockAttempt(manager: EntityManager, stepId: string, epoch: number): Promise<LockedStep> {
  const row = await lockStep(manager, `id = $1`, [stepId]);
  if (row.epoch !== epoch || isTerminal(row.status)) throw new SupersededError(stepId, epoch);
  return row;
}

async function changeStatus(
  manager: EntityManager,
  step: LockedStep,
  status: Exclude<Status, 'queued'>,
  actor: Actor,
  { error = null, payload }: { error?: string | null; payload: Readonly<Record<string, unknown>> },
): Promise<boolean> {
  if (step.status === status || isTerminal(step.status)) return false;
  await manager.query(
    `UPDATE steps SET status = $2, error = $3, started_at = COALESCE(started_at, now()),
            finished_at = CASE WHEN $4 THEN now() END
      WHERE id = $1`,
    [step.id, status, error, isTerminal(status)],
  );
  await appendEvent(manager, {
    actor,
    action: statusAction('step', status, step.started),
    subject: { type: 'step', id: step.id },
    runId: step.run_id,
    payload: { step: step.name, from: step.status, ...payload },
  });
  return true;
}
