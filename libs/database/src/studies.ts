/** The runs that a study starts. */
import { stepsOf, type RunConfiguration, type StepInputs, type StepName } from '@plumbline/contracts';
import { Run } from './entities/index.js';
import { DatabaseError } from './errors.js';
import { createRun, getRun } from './runs.js';
import { inTransaction, query, type Database } from './transaction.js';

export interface NewStudyRun {
  readonly studyId: string;
  /** What the run is within its study, unique there: `1×64, 300 labels`. */
  readonly member: string;
  readonly configuration: RunConfiguration;
  readonly configurationHash: string;
  readonly inputs: StepInputs;
  /** First step to execute, where earlier ones are the study's own. */
  readonly fromStep?: StepName;
}

/**
 * Records a run of a study as queued, or finds it: repeating changes nothing. It has the study's provenance, and was
 * started by whoever started the study.
 * @throws DatabaseError `not_found` for the study
 */
export async function createStudyRun(
  database: Database,
  { studyId, member, ...run }: NewStudyRun,
): Promise<{ runId: string; workflowId: string }> {
  return inTransaction(database, async (manager) => {
    await query(manager, `SELECT 1 FROM runs WHERE id = $1 FOR NO KEY UPDATE`, [studyId]);
    const study = await getRun(manager, studyId);
    const existing = await manager.findOneBy(Run, { studyId, studyMember: member });
    if (existing !== null) return { runId: existing.id, workflowId: existing.workflowId };
    const { commit, dirty, lockfileHash, versions, machine, startedBy } = study;
    const created = await createRun(manager, {
      ...run,
      commit,
      dirty,
      lockfileHash,
      versions,
      machine,
      startedBy,
      preset: null,
      ...(run.fromStep !== undefined && { forkedFrom: studyId }),
    });
    await manager.update(Run, { id: created.runId }, { studyId, studyMember: member });
    return created;
  });
}

/** The runs that a study has started, in the order in which it did. @throws DatabaseError when there is none such */
export async function listStudyRuns(database: Database, studyId: string): Promise<Run[]> {
  const manager = 'manager' in database ? database.manager : database;
  const study = await getRun(manager, studyId);
  if (study.configuration.study === undefined) {
    throw new DatabaseError(
      'conflict',
      `run ${studyId} (${stepsOf(study.configuration).join(', ')}) is no study`,
    );
  }
  return manager.find(Run, { where: { studyId }, order: { createdAt: 'ASC', id: 'ASC' } });
}
