import type { CollectionProgress, Status, StepInputs, StepName, TrainingWarning } from '@plumbline/contracts';
import type { StoredProgress } from './entities/index.js';
import { query, type Database } from './transaction.js';

export interface StepDetail {
  readonly stepId: string;
  readonly name: StepName;
  readonly status: Status;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly error: string | null;
  readonly inputs: StepInputs;
  readonly outputs: Readonly<Record<string, string>>;
  readonly progress: StoredProgress | null;
  /** Ascending. */
  readonly checkpoints: readonly {
    readonly index: number;
    readonly id: string;
    readonly createdAt: string;
  }[];
  /** Last value of each curve. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly collection: CollectionProgress | null;
  /** What the curves gave reason to warn of, in the order of the record. */
  readonly warnings: readonly TrainingWarning[];
}

/** A run's steps in the order they began, each with all that the record knows of it but the curves. */
export async function listSteps(database: Database, runId: string): Promise<StepDetail[]> {
  const rows = await query<Omit<StepDetail, 'metrics'> & { names: string[]; values: number[] }>(
    database,
    `SELECT s.id AS "stepId", s.name, s.status, s.started_at AS "startedAt", s.finished_at AS "finishedAt", s.error,
            COALESCE((SELECT jsonb_object_agg(name, artifact_id) FROM step_artifacts
                       WHERE step_id = s.id AND direction = 'input'), '{}') AS inputs,
            COALESCE((SELECT jsonb_object_agg(name, artifact_id) FROM step_artifacts
                       WHERE step_id = s.id AND direction = 'output'), '{}') AS outputs,
            s.progress,
            COALESCE((SELECT jsonb_agg(jsonb_build_object('index', index, 'id', artifact_id, 'createdAt',
                              to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ORDER BY index)
                        FROM checkpoints WHERE step_id = s.id), '[]') AS checkpoints,
            m.names, m.values,
            (SELECT jsonb_build_object('judged', judged, 'required', required)
               FROM collections WHERE step_id = s.id) AS collection,
            COALESCE((SELECT jsonb_agg(payload ORDER BY seq) FROM events
                       WHERE run_id = s.run_id AND action = 'step.warned' AND subject_id = s.id::text), '[]') AS warnings
       FROM steps s
       LEFT JOIN LATERAL (
         SELECT array_agg(name ORDER BY name) AS names, array_agg(value ORDER BY name) AS values
           FROM (SELECT DISTINCT ON (name) name, value FROM metrics
                  WHERE step_id = s.id ORDER BY name, index DESC) newest
       ) m ON true
      WHERE s.run_id = $1
      ORDER BY s.created_at`,
    [runId],
  );
  return rows.map(({ names, values, ...step }) => ({
    ...step,
    // Floating-point arrays rather than JSON: a value may be NaN.
    metrics: Object.fromEntries((names ?? []).map((name, index) => [name, values[index] as number])),
  }));
}
