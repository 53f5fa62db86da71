import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BenchError, type BenchContext } from '../bench.js';
import { ourSide } from '../commands.js';
import { Side } from '../side.js';
import { startDurablePostgres } from './durable-postgres.js';

/**
 * The values of `total` rounds of our side alone, which commits to a durable Postgres. Folder, server and process are
 * made for it and gone afterwards.
 * @param kind of the task, as `ours-main.ts` knows it; its row is `kind/size`
 * @param taskIn what our side is asked to do, in that folder, with that database
 * @throws BenchError for a round without values
 */
export async function roundsBesidePostgres<Values>(
  kind: Parameters<typeof ourSide>[0],
  size: string,
  total: number,
  context: BenchContext,
  taskIn: (directory: string, databaseUrl: string) => Promise<Parameters<typeof ourSide>[1]>,
): Promise<Values[]> {
  const name = `${kind}/${size}`;
  const parent = join(context.home, 'bench');
  await mkdir(parent, { recursive: true });
  // Not in the system's temporary folder, which may be memory.
  const directory = await mkdtemp(join(parent, `${kind}-`));
  await chmod(directory, 0o755);
  context.progress({ phase: `${name}: starting Postgres`, done: 0, total });
  try {
    const postgres = await startDurablePostgres(join(directory, 'postgres'));
    try {
      const task = await taskIn(directory, postgres.url);
      context.progress({ phase: `${name}: compiling`, done: 0, total });
      const side = await Side.start(ourSide(kind, task));
      try {
        context.versions(side.ready.versions);
        const rounds: Values[] = [];
        for (let round = 0; round < total; round++) {
          context.progress({ phase: `${name}: rounds`, done: round, total });
          const { values } = await side.round(1);
          if (values === undefined) throw new BenchError(`${name}: a round without values`);
          rounds.push(values as unknown as Values);
        }
        context.progress({ phase: `${name}: rounds`, done: total, total });
        return rounds;
      } finally {
        await side.kill();
      }
    } finally {
      await postgres.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
