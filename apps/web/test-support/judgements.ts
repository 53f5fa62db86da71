import type { DataSource } from 'typeorm';

export interface StoredJudgement {
  readonly slotId: string;
  readonly outcome: string;
  /** Text of the response ranked first; null unless the outcome is `ranked`. */
  readonly best: string | null;
  readonly durationMs: number | null;
}

/** What labelers said about a run's comparisons, in the order they said it. */
export async function judgementsOf(database: DataSource, runId: string): Promise<StoredJudgement[]> {
  return database.query(
    `SELECT j.slot_id AS "slotId", j.outcome, j.duration_ms AS "durationMs",
            (SELECT r.content -> 0 ->> 'text'
               FROM comparison_responses cr JOIN responses r ON r.id = cr.response_id
              WHERE cr.comparison_id = j.comparison_id AND j.ranks[cr.position + 1] = 1) AS best
       FROM judgements j
       JOIN slots s ON s.id = j.slot_id
       JOIN collections c ON c.step_id = s.step_id
      WHERE c.run_id = $1
      ORDER BY j.created_at`,
    [runId],
  );
}
