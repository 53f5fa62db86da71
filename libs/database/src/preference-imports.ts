import { randomUUID } from 'node:crypto';
import type {
  PreferenceFileHeader,
  PreferenceSource,
  RecordedJudgement,
  SampledComparison,
} from '@plumbline/contracts';
import type { EntityManager } from 'typeorm';
import { registerArtifacts, type ArtifactDescription } from './artifacts.js';
import { insertComparisons } from './collections.js';
import type { ImportCounts } from './entities/index.js';
import { appendEvent } from './events.js';
import { createRun, setRunStatus, type NewRun } from './runs.js';
import { beginStep, completeStep } from './steps.js';
import { inTransaction, query, violatesUnique, type Database } from './transaction.js';

export interface ImportedComparison {
  readonly comparison: SampledComparison;
  readonly judgements: readonly RecordedJudgement[];
}

export interface PreferenceImportRecord {
  /** SHA-256 over the source and all that was read of it: the same import is made once. */
  readonly contentHash: string;
  readonly source: PreferenceSource;
  readonly guidelines: PreferenceFileHeader['guidelines'];
  /** Artifact id of the tokenizer.json that the tokens are of; null: there are texts only. */
  readonly tokenizer: string | null;
  readonly comparisonSet: ArtifactDescription;
  readonly preferences: ArtifactDescription;
  readonly counts: ImportCounts;
  /** Its configuration is that of the step `collect` alone, its input the comparison set. */
  readonly run: NewRun;
  /** In the comparison set's order. */
  comparisons(): AsyncIterable<ImportedComparison>;
}

/** An import as it stands in the record. */
export interface RecordedImport {
  readonly runId: string;
  readonly comparisons: string;
  readonly preferences: string;
  readonly counts: ImportCounts;
}

/** @returns null when nothing was imported under that hash */
export async function findPreferenceImport(
  database: Database,
  contentHash: string,
): Promise<RecordedImport | null> {
  const [row] = await query<RecordedImport>(
    database,
    `SELECT i.run_id AS "runId", c.comparison_set AS comparisons, p.artifact_id AS preferences, i.counts
       FROM preference_imports i
       JOIN collections c ON c.run_id = i.run_id
       JOIN preference_snapshots p ON p.step_id = c.step_id
      WHERE i.content_hash = $1`,
    [contentHash],
  );
  return row ?? null;
}

const COMPARISONS_PER_INSERT = 500;

/**
 * Records judgements that were made elsewhere, in one transaction: a run whose step `collect` is complete, with
 * comparisons, labelers, judgements and the snapshot. The same import again changes nothing.
 *
 * @returns the import, and whether it was made now
 */
export async function recordPreferenceImport(
  database: Database,
  record: PreferenceImportRecord,
): Promise<RecordedImport & { readonly created: boolean }> {
  try {
    const runId = await inTransaction(database, (manager) => insertImport(manager, record));
    const { comparisonSet, preferences, counts } = record;
    return { runId, comparisons: comparisonSet.id, preferences: preferences.id, counts, created: true };
  } catch (error) {
    if (!violatesUnique(error, 'preference_imports_content_hash_key')) throw error;
    const earlier = await findPreferenceImport(database, record.contentHash);
    if (earlier === null) throw error;
    return { ...earlier, created: false };
  }
}

async function insertImport(manager: EntityManager, record: PreferenceImportRecord): Promise<string> {
  const { source, counts, comparisonSet, preferences, run } = record;
  const actor = { kind: 'user', id: run.startedBy } as const;
  await registerArtifacts(manager, [comparisonSet, preferences]);
  const { runId } = await createRun(manager, run);
  // At once: a second import of the same content waits here, and is told that it was made.
  await manager.query(
    `INSERT INTO preference_imports (run_id, content_hash, file_name, file_sha256, file_bytes, format, model, tokenizer,
                                     counts, imported_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      runId,
      record.contentHash,
      source.fileName,
      source.fileSha256,
      source.fileBytes,
      source.format,
      source.model,
      record.tokenizer,
      JSON.stringify(counts),
      run.startedBy,
    ],
  );
  const inputs = { comparisons: comparisonSet.id };
  const { stepId } = await beginStep(manager, { runId, step: 'collect', inputs, actor });
  await insertCollection(manager, { runId, stepId }, record);
  const labelers = new Labelers(manager, runId);
  let position = 0;
  for await (const chunk of chunksOf(record.comparisons(), COMPARISONS_PER_INSERT)) {
    await insertChunk(manager, { runId, stepId, position, labelers, fileSha256: source.fileSha256 }, chunk);
    position += chunk.length;
  }
  await insertSnapshot(manager, stepId, preferences.id);
  await appendEvent(manager, {
    actor,
    action: 'preferences.imported',
    subject: { type: 'run', id: runId },
    runId,
    payload: { ...source, ...counts, comparisons: comparisonSet.id, preferences: preferences.id },
  });
  await completeStep(manager, { stepId, outputs: { preferences }, actor });
  await setRunStatus(manager, { runId, status: 'completed', actor });
  return runId;
}

async function insertCollection(
  manager: EntityManager,
  { runId, stepId }: { runId: string; stepId: string },
  { guidelines, comparisonSet, counts, run }: PreferenceImportRecord,
): Promise<void> {
  for (const { version, text } of guidelines) {
    await manager.query(`INSERT INTO guidelines (step_id, version, text) VALUES ($1, $2, $3)`, [
      stepId,
      version,
      text,
    ]);
  }
  await manager.query(
    `INSERT INTO collections (step_id, run_id, comparison_set, seed, guideline_version, audience,
                              judgements_per_comparison, required, judged)
     VALUES ($1, $2, $3, $4, $5, 'people', $6, $7, $7)`,
    [
      stepId,
      runId,
      comparisonSet.id,
      run.configuration.seed,
      Math.max(...guidelines.map(({ version }) => version)),
      Math.ceil(counts.judgements / counts.comparisons),
      counts.judgements,
    ],
  );
}

interface Destination {
  readonly runId: string;
  readonly stepId: string;
  /** Of the first comparison of the chunk. */
  readonly position: number;
  readonly labelers: Labelers;
  readonly fileSha256: string;
}

async function insertChunk(
  manager: EntityManager,
  { runId, stepId, position, labelers, fileSha256 }: Destination,
  chunk: readonly ImportedComparison[],
): Promise<void> {
  const comparisons = chunk.map(({ comparison }) => comparison);
  const ids = await insertComparisons(manager, stepId, comparisons, position, 0);
  const names = chunk.flatMap(({ judgements }) => judgements.map(({ labeler }) => labeler ?? null));
  const labelerIds = await labelers.idsOf(names);
  const rows = chunk.flatMap(({ comparison, judgements }, index) =>
    judgements.map((judgement, ordinal) => ({
      slot_id: randomUUID(),
      id: randomUUID(),
      comparison_id: ids[index],
      ordinal,
      position: position + index,
      labeler_id: labelerIds.get(judgement.labeler ?? null),
      outcome: judgement.outcome,
      ranks: judgement.ranks,
      displayed_order: judgement.displayedOrder ?? [],
      guideline_version: judgement.guidelineVersion ?? null,
      duration_ms: judgement.durationMs ?? null,
      reason: judgement.reason ?? null,
      confidence: judgement.confidence ?? null,
      margin: judgement.margin ?? null,
      judged_at: judgement.at ?? null,
      // No request made it: it came with the file, whose hash stands for the body.
      idempotency_key: `import/${runId}/${comparison.key}/${ordinal}`,
    })),
  );
  const json = JSON.stringify(rows);
  await manager.query(
    `INSERT INTO slots (id, step_id, comparison_id, ordinal, position, labeler_id, state)
     SELECT slot_id, $2, comparison_id, ordinal, position, labeler_id, 'imported'
       FROM jsonb_to_recordset($1) AS r (slot_id uuid, comparison_id uuid, ordinal integer, position integer,
                                         labeler_id uuid)`,
    [json, stepId],
  );
  await manager.query(
    `INSERT INTO judgements (id, slot_id, labeler_id, comparison_id, outcome, ranks, displayed_order, guideline_version,
                             duration_ms, reason, confidence, margin, judged_at, idempotency_key, imported, body_hash,
                             answer)
     SELECT r.*, true, $2, '{}'
       FROM jsonb_to_recordset($1) AS r (id uuid, slot_id uuid, labeler_id uuid, comparison_id uuid, outcome text,
                                         ranks integer[], displayed_order integer[], guideline_version integer,
                                         duration_ms integer, reason text, confidence smallint,
                                         margin double precision, judged_at timestamptz, idempotency_key text)`,
    [json, fileSha256],
  );
}

/** The labelers of an import by the names that the file has for them; null: it has none. */
class Labelers {
  private readonly ids = new Map<string | null, string>();

  constructor(
    private readonly manager: EntityManager,
    private readonly runId: string,
  ) {}

  async idsOf(names: readonly (string | null)[]): Promise<ReadonlyMap<string | null, string>> {
    const fresh = [...new Set(names)].filter((name) => !this.ids.has(name));
    if (fresh.length === 0) return this.ids;
    const rows = fresh.map((name) => ({ id: randomUUID(), name }));
    const json = JSON.stringify(
      rows.map(({ id, name }) => ({ id, name, pseudonym: `labeler-${id.slice(0, 13)}` })),
    );
    await this.manager.query(
      `INSERT INTO labelers (id, kind, pseudonym)
       SELECT id, 'imported', pseudonym FROM jsonb_to_recordset($1) AS r (id uuid, pseudonym text)`,
      [json],
    );
    await this.manager.query(
      `INSERT INTO imported_labelers (labeler_id, run_id, name)
       SELECT id, $2, name FROM jsonb_to_recordset($1) AS r (id uuid, name text)`,
      [json, this.runId],
    );
    for (const { id, name } of rows) this.ids.set(name, id);
    return this.ids;
  }
}

/** As `freezePreferences` does it: lines of the snapshot are in the order of (comparison key, ordinal), without skips. */
async function insertSnapshot(manager: EntityManager, stepId: string, artifactId: string): Promise<void> {
  await manager.query(
    `INSERT INTO collection_labelers (step_id, labeler_id, judged)
     SELECT $1, s.labeler_id, count(*) FROM slots s JOIN judgements j ON j.slot_id = s.id
      WHERE s.step_id = $1 AND j.outcome <> 'skipped' GROUP BY s.labeler_id`,
    [stepId],
  );
  await manager.query(`INSERT INTO preference_snapshots (step_id, artifact_id) VALUES ($1, $2)`, [
    stepId,
    artifactId,
  ]);
  await manager.query(
    `INSERT INTO snapshot_judgements (step_id, position, judgement_id)
     SELECT $1, row_number() OVER (ORDER BY c.key COLLATE "C", s.ordinal) - 1, j.id
       FROM comparisons c
       JOIN slots s ON s.comparison_id = c.id
       JOIN judgements j ON j.slot_id = s.id
      WHERE c.step_id = $1 AND j.outcome <> 'skipped'`,
    [stepId],
  );
  await manager.query(`UPDATE collections SET frozen_at = now() WHERE step_id = $1`, [stepId]);
}

async function* chunksOf<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
