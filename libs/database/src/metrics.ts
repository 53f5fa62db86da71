import type { StepName } from '@plumbline/contracts';
import type { EntityManager } from 'typeorm';
import { query, type Database } from './transaction.js';

export interface MetricPoint {
  readonly name: string;
  /** Update or iteration it was measured at. */
  readonly index: number;
  readonly value: number;
}

/** Writes points of a step's curves; a point that stands there is replaced. The caller holds the step. */
export async function upsertMetrics(
  manager: EntityManager,
  stepId: string,
  metrics: readonly MetricPoint[],
): Promise<void> {
  if (metrics.length === 0) return;
  // One statement may not touch a row twice: the last value of a point counts.
  const points = [...new Map(metrics.map((point) => [`${point.index} ${point.name}`, point])).values()];
  await manager.query(
    `INSERT INTO metrics (step_id, name, index, value)
     SELECT $1, p.name, p.index, p.value
       FROM unnest($2::text[], $3::integer[], $4::double precision[]) AS p (name, index, value)
     ON CONFLICT (step_id, name, index) DO UPDATE SET value = excluded.value`,
    [
      stepId,
      points.map(({ name }) => name),
      points.map(({ index }) => index),
      points.map(({ value }) => value),
    ],
  );
}

export interface MetricSeries {
  readonly step: StepName;
  readonly name: string;
  /** [index, value], ascending; values may be NaN or infinite. */
  readonly points: readonly (readonly [number, number])[];
}

/** A run's curves: each thinned evenly to at most `limit` points, its last one always there. */
export async function readSeries(
  database: Database,
  { runId, step = null, limit = 500 }: { runId: string; step?: StepName | null; limit?: number },
): Promise<MetricSeries[]> {
  const rows = await query<{ step: StepName; name: string; indices: number[]; values: number[] }>(
    database,
    `SELECT step, name, array_agg(index ORDER BY index) AS indices, array_agg(value ORDER BY index) AS values
       FROM (SELECT s.name AS step, s.created_at, m.name, m.index, m.value,
                    row_number() OVER series AS place, count(*) OVER (PARTITION BY m.step_id, m.name) AS total
               FROM metrics m JOIN steps s ON s.id = m.step_id
              WHERE s.run_id = $1 AND ($2::text IS NULL OR s.name = $2)
             WINDOW series AS (PARTITION BY m.step_id, m.name ORDER BY m.index)) points
      WHERE (total - place) % GREATEST(1, (total + $3 - 1) / $3) = 0
      GROUP BY step, created_at, name
      ORDER BY created_at, name`,
    [runId, step, limit],
  );
  return rows.map(({ step: stepName, name, indices, values }) => ({
    step: stepName,
    name,
    points: indices.map((index, position) => [index, values[position] as number] as const),
  }));
}
