import type { Artifact } from './entities/index.js';
import { query, type Database } from './transaction.js';

/** An artifact as its maker describes it. */
export interface ArtifactDescription {
  /** SHA-256 of the content, hex. */
  readonly id: string;
  /** What it is: `checkpoint`, `comparison-set`, `preference-snapshot`, `evaluation`, `report`, `history`, … */
  readonly kind: string;
  readonly mediaType: string;
  readonly bytes: number;
}

/** Makes artifacts known to the record. Known ones stay as they are: equal content has one id. */
export async function registerArtifacts(
  database: Database,
  artifacts: readonly ArtifactDescription[],
): Promise<void> {
  // Sorted, so that two transactions never wait for each other.
  const rows = [...artifacts].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const { id, kind, mediaType, bytes } of rows) {
    await database.query(
      `INSERT INTO artifacts (id, kind, media_type, bytes) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
      [id, kind, mediaType, bytes],
    );
  }
}

export interface ArtifactRecord extends Pick<Artifact, 'id' | 'kind' | 'mediaType' | 'bytes' | 'createdAt'> {
  /** The first step that made it; null for what runs as a whole made (report, history). */
  readonly producedBy: { readonly runId: string; readonly step: string | null } | null;
}

/** @returns null when the record knows no artifact of that id */
export async function findArtifact(database: Database, id: string): Promise<ArtifactRecord | null> {
  const [row] = await query<{
    id: string;
    kind: string;
    media_type: string;
    bytes: string;
    created_at: Date;
    run_id: string | null;
    step: string | null;
  }>(
    database,
    `SELECT a.*, p.run_id, p.step
       FROM artifacts a
       LEFT JOIN LATERAL (
         SELECT s.run_id, s.name AS step, s.created_at
           FROM steps s
          WHERE s.id IN (SELECT step_id FROM checkpoints WHERE artifact_id = a.id
                         UNION ALL
                         SELECT step_id FROM step_artifacts WHERE artifact_id = a.id AND direction = 'output')
         UNION ALL
         SELECT r.id, NULL, r.created_at
           FROM runs r
          WHERE a.id IN (r.report_json, r.report_html, r.history_artifact)
          ORDER BY created_at
          LIMIT 1
       ) p ON true
      WHERE a.id = $1`,
    [id],
  );
  if (row === undefined) return null;
  return {
    id: row.id,
    kind: row.kind,
    mediaType: row.media_type,
    bytes: Number(row.bytes),
    createdAt: row.created_at,
    producedBy: row.run_id === null ? null : { runId: row.run_id, step: row.step },
  };
}

/** Which of these ids the record knows. */
export async function knownArtifacts(
  database: Database,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await query<{ id: string }>(database, `SELECT id FROM artifacts WHERE id = ANY($1)`, [ids]);
  return new Set(rows.map(({ id }) => id));
}
