/** The bench's process at a small size, with its real Postgres: what it times are real checkpoints. */
import { FileArtifactStore, readCheckpoint } from '@plumbline/artifacts';
import { createDataSource, query } from '@plumbline/database';
import { COMPILED_FP32 } from '@plumbline/training';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ourSide } from '../commands.js';
import { Side } from '../side.js';
import { startDurablePostgres } from './durable-postgres.js';
import type { DurabilityTask, DurabilityValues } from './task.js';

let directory: string;
let postgres: Awaited<ReturnType<typeof startDurablePostgres>>;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plumbline-durability-'));
  await chmod(directory, 0o755);
  postgres = await startDurablePostgres(join(directory, 'postgres'));
});
afterAll(async () => {
  await postgres.stop();
  await rm(directory, { recursive: true });
});

it('writes and commits a checkpoint in every round, and says what each part of it took', async () => {
  const task: DurabilityTask = {
    model: { layers: 1, heads: 2, width: 16, context: 16, vocabulary: 64 },
    batch: 2,
    plan: { ...COMPILED_FP32, threads: 1 },
    artifacts: join(directory, 'artifacts'),
    databaseUrl: postgres.url,
    stretchSeconds: 0.01,
  };
  const side = await Side.start(ourSide('durability', task));
  try {
    for (let round = 0; round < 2; round++) {
      const values = (await side.round(1)).values as unknown as DurabilityValues;
      expect(values.updates).toBeGreaterThanOrEqual(4);
      for (const time of ['without', 'withCheckpoint', 'snapshot', 'write', 'commit'] as const)
        expect(values[time]).toBeGreaterThan(0);
      const { snapshot, write, commit } = values;
      expect(values.withCheckpoint).toBeGreaterThan(snapshot + write + commit);
      // Weights and two moments of as many values: 1,024 + 256 of embeddings, 3,280 of the block, 32 of the last norm.
      expect(values.bytes).toBe(3 * 4 * 4592);
    }
  } finally {
    await side.kill();
  }
  const database = await createDataSource({ url: postgres.url }).initialize();
  try {
    const committed = await query<{ index: number; artifact_id: string }>(
      database,
      'SELECT index, artifact_id FROM checkpoints ORDER BY index',
      [],
    );
    expect(committed).toHaveLength(2);
    const store = new FileArtifactStore(task.artifacts);
    for (const { index, artifact_id: id } of committed)
      expect(await readCheckpoint(store, id)).toMatchObject({ step: 'pretrain', index });
  } finally {
    await database.destroy();
  }
});
