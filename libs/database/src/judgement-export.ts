import type { PreferenceFileHeader, RecordedJudgement, StepInputs } from '@plumbline/contracts';
import type { DataSource } from 'typeorm';
import { getRun } from './runs.js';
import { query, type Database } from './transaction.js';

/** The judgements that a run collected, imported, or was given. */
export interface JudgedCollection {
  readonly stepId: string;
  /** Artifact id of the comparison set. */
  readonly comparisonSet: string;
  readonly guidelines: PreferenceFileHeader['guidelines'];
  /** Of an import, the tokenizer of its tokens; null: see `model`. */
  readonly tokenizer: string | null;
  /** The model that the comparisons were sampled from, where a step of this record sampled them. */
  readonly model: string | null;
}

/**
 * The collection whose judgements a run uses: its own, else that of the run it was forked from, else the one that made
 * the preference snapshot among its inputs.
 *
 * @returns null when the run has nothing to do with judgements yet
 * @throws DatabaseError `not_found` for the run
 */
export async function findJudgedCollection(
  database: Database,
  runId: string,
): Promise<JudgedCollection | null> {
  let run = await getRun(database, runId);
  for (;;) {
    const found =
      (await collectionWhere(database, 'c.run_id = $1', run.id)) ??
      (await collectionOfSnapshot(database, run.inputs));
    if (found !== null || run.forkedFrom === null) return found;
    run = await getRun(database, run.forkedFrom);
  }
}

async function collectionOfSnapshot(
  database: Database,
  { preferences }: StepInputs,
): Promise<JudgedCollection | null> {
  if (preferences === undefined) return null;
  const snapshot =
    'EXISTS (SELECT 1 FROM preference_snapshots p WHERE p.step_id = c.step_id AND p.artifact_id = $1)';
  return collectionWhere(database, snapshot, preferences);
}

async function collectionWhere(
  database: Database,
  condition: string,
  value: string,
): Promise<JudgedCollection | null> {
  const [row] = await query<JudgedCollection>(
    database,
    `SELECT c.step_id AS "stepId", c.comparison_set AS "comparisonSet", i.tokenizer,
            (SELECT jsonb_agg(jsonb_build_object('version', g.version, 'text', g.text) ORDER BY g.version)
               FROM guidelines g WHERE g.step_id = c.step_id) AS guidelines,
            (SELECT m.artifact_id
               FROM step_artifacts o
               JOIN step_artifacts m ON m.step_id = o.step_id AND m.direction = 'input' AND m.name = 'model'
              WHERE o.artifact_id = c.comparison_set AND o.direction = 'output' LIMIT 1) AS model
       FROM collections c
       LEFT JOIN preference_imports i ON i.run_id = c.run_id
      WHERE ${condition}
      ORDER BY c.published_at, c.step_id LIMIT 1`,
    [value],
  );
  return row ?? null;
}

/** What was said about the comparison at a position of the set. */
export interface ExportedJudgements {
  readonly position: number;
  readonly split: 'train' | 'heldOut';
  /** By slot; those that a later one supersedes are left out. */
  readonly judgements: readonly RecordedJudgement[];
}

const COMPARISONS_PER_QUERY = 500;

export interface OpenExport {
  /** Comparisons that somebody has judged. */
  readonly comparisons: number;
  /** Skips included. */
  readonly judgements: number;
  /** By position in the set. */
  rows(): AsyncGenerator<ExportedJudgements>;
  /** Has to be called: it holds a connection. */
  close(): Promise<void>;
}

/** A collection's judgements as they stand at this moment, however long reading them takes. */
export async function openJudgementExport(database: DataSource, stepId: string): Promise<OpenExport> {
  const runner = database.createQueryRunner();
  const close = async (): Promise<void> => {
    if (runner.isTransactionActive) await runner.rollbackTransaction();
    await runner.release();
  };
  try {
    await runner.startTransaction('REPEATABLE READ');
    const [counts] = await query<{ comparisons: number; judgements: number; last: number | null }>(
      runner.manager,
      `SELECT count(DISTINCT c.id)::integer AS comparisons, count(*)::integer AS judgements, max(c.position) AS last
         FROM ${STANDING} WHERE c.step_id = $1`,
      [stepId],
    );
    const { comparisons, judgements, last } = counts!;
    return {
      comparisons,
      judgements,
      rows: async function* () {
        for (let from = 0; from <= (last ?? -1); from += COMPARISONS_PER_QUERY) {
          const page = await query<PageRow>(runner.manager, PAGE, [
            stepId,
            from,
            from + COMPARISONS_PER_QUERY,
          ]);
          yield* page.map((row) => ({ ...row, judgements: row.judgements.map(recorded) }));
        }
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const STANDING = `comparisons c
  JOIN slots s ON s.comparison_id = c.id
  JOIN judgements j ON j.slot_id = s.id AND NOT EXISTS (SELECT 1 FROM judgements later WHERE later.supersedes = j.id)
  JOIN labelers l ON l.id = j.labeler_id
  LEFT JOIN imported_labelers i ON i.labeler_id = l.id`;

const PAGE = `
  SELECT c.position, c.split, jsonb_agg(jsonb_build_object(
           'outcome', j.outcome, 'ranks', j.ranks, 'confidence', j.confidence, 'margin', j.margin,
           'labeler', CASE WHEN j.imported THEN i.name ELSE l.pseudonym END,
           'displayedOrder', NULLIF(j.displayed_order, '{}'), 'guidelineVersion', j.guideline_version,
           'at', to_char(CASE WHEN j.imported THEN j.judged_at ELSE j.created_at END AT TIME ZONE 'UTC',
                         'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'durationMs', j.duration_ms, 'reason', j.reason) ORDER BY s.ordinal) AS judgements
    FROM ${STANDING}
   WHERE c.step_id = $1 AND c.position >= $2 AND c.position < $3
   GROUP BY c.id ORDER BY c.position`;

interface PageRow {
  readonly position: number;
  readonly split: 'train' | 'heldOut';
  readonly judgements: readonly Readonly<Record<keyof RecordedJudgement, unknown>>[];
}

/** What is not known is absent, not null. */
function recorded(row: Readonly<Record<keyof RecordedJudgement, unknown>>): RecordedJudgement {
  return Object.fromEntries(
    Object.entries(row).filter(([, value]) => value !== null),
  ) as unknown as RecordedJudgement;
}
