/** Where the durability bench commits its checkpoints: the product's database, with a run of one step. */
import {
  beginStep,
  commitCheckpoint,
  createDataSource,
  createRun,
  createUser,
  issueEpoch,
} from '@plumbline/database';
import { resolveConfiguration } from '@plumbline/config';

const ACTOR = { kind: 'service', id: 'bench' } as const;
const NO_HASH = '0'.repeat(64);

/** An attempt at a step that checkpoints are committed to. */
export interface Record {
  /** Resolves once the transaction is on the disk. */
  commit(checkpoint: {
    readonly index: number;
    readonly id: string;
    readonly bytes: number;
    readonly metrics: Readonly<{ [name: string]: number }>;
  }): Promise<void>;
}

/** @param url of a migrated database, as the application's role */
export async function openRecord(url: string): Promise<Record> {
  const database = await createDataSource({ url, poolSize: 2, applicationName: 'bench' }).initialize();
  const user = await createUser(
    database,
    {
      kind: 'person',
      email: 'bench@plumbline.invalid',
      displayName: 'bench',
      role: 'researcher',
      // Nobody signs in here.
      passwordHash: '*',
    },
    ACTOR,
  );
  const { runId } = await createRun(database, {
    configuration: resolveConfiguration({ name: 'durability', step: 'pretrain' }),
    configurationHash: NO_HASH,
    preset: null,
    inputs: {},
    startedBy: user.id,
    commit: null,
    dirty: null,
    lockfileHash: null,
    versions: {},
    machine: {},
  });
  const { stepId } = await beginStep(database, { runId, step: 'pretrain', inputs: {}, actor: ACTOR });
  const { epoch } = await issueEpoch(database, { stepId, actor: ACTOR });
  return {
    commit: async ({ index, id, bytes, metrics }) => {
      await commitCheckpoint(database, {
        stepId,
        epoch,
        index,
        artifactId: id,
        bytes,
        metrics: Object.entries(metrics).map(([name, value]) => ({ name, index, value })),
        progress: { phase: 'pretraining', done: index, total: index, unit: 'updates' },
        actor: ACTOR,
      });
    },
  };
}
