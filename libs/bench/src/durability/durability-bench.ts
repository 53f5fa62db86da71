/**
 * `plumbline bench durability`: what checkpoints at the default cadence cost of the time of training. Stretches of
 * updates with one checkpoint and without any alternate in one process; the difference, over the updates between two
 * checkpoints, is their share. Counted: the snapshot, encoding, hashing, writing and syncing its blobs and manifest, the
 * transaction in a durable Postgres, and whatever that does to the updates after it. Not counted: the held-out loss that
 * a step measures at a checkpoint, which is evaluation.
 */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveConfiguration } from '@plumbline/config';
import { BenchError, type Bench, type BenchContext, type BenchRow } from '../bench.js';
import { runChosenSizes } from '../chosen-sizes.js';
import { ourSide } from '../commands.js';
import { planOf } from '../pretrain/execution-plan.js';
import { Side } from '../side.js';
import { PRETRAIN_SIZES, type PretrainSize } from '../sizes.js';
import { median } from '../statistics.js';
import { startDurablePostgres } from './durable-postgres.js';
import type { DurabilityTask, DurabilityValues } from './task.js';

const DEFAULT_ROUNDS = 9;
const STRETCH_SECONDS = 2;
/** What checkpoints may cost of the time of training. */
const AIM = 0.05;

const DEFAULTS = resolveConfiguration({ name: 'durability', step: 'pretrain' });

/** What a run does that says nothing about its size, and the sizes of `bench pretrain`. */
const SIZES: readonly PretrainSize[] = [
  { name: 'default', model: DEFAULTS.model, batch: DEFAULTS.pretrain.batch },
  ...PRETRAIN_SIZES,
];

export const durabilityBench: Bench = {
  name: 'durability',
  describes: 'what checkpoints at the default cadence cost of the time of training (no peer)',
  standard: false,
  sizes: SIZES.map(({ name }) => name),
  run: (context) => runChosenSizes(SIZES, context, runSize),
};

async function runSize(size: PretrainSize, context: BenchContext): Promise<BenchRow[]> {
  const name = `durability/${size.name}`;
  const total = context.rounds ?? DEFAULT_ROUNDS;
  const parent = join(context.home, 'bench');
  await mkdir(parent, { recursive: true });
  // Not in the system's temporary folder, which may be memory.
  const directory = await mkdtemp(join(parent, 'durability-'));
  await chmod(directory, 0o755);
  context.progress({ phase: `${name}: starting Postgres`, done: 0, total });
  try {
    const postgres = await startDurablePostgres(join(directory, 'postgres'));
    try {
      const task: DurabilityTask = {
        model: size.model,
        batch: size.batch,
        plan: await planOf(size, context),
        artifacts: join(directory, 'artifacts'),
        databaseUrl: postgres.url,
        stretchSeconds: STRETCH_SECONDS,
      };
      context.progress({ phase: `${name}: compiling`, done: 0, total });
      const side = await Side.start(ourSide('durability', task));
      try {
        context.versions(side.ready.versions);
        const rounds: DurabilityValues[] = [];
        for (let round = 0; round < total; round++) {
          context.progress({ phase: `${name}: rounds`, done: round, total });
          const { values } = await side.round(1);
          if (values === undefined) throw new BenchError(`${name}: a round without values`);
          rounds.push(values as unknown as DurabilityValues);
        }
        context.progress({ phase: `${name}: rounds`, done: total, total });
        const cost = checkpointCost(rounds, DEFAULTS.pretrain.checkpointEvery);
        context.remark(describeCost(name, cost, rounds));
        return rowsOf(name, cost, size.batch * size.model.context);
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

export interface CheckpointCost {
  readonly every: number;
  /** Seconds of an update, without checkpoints. */
  readonly update: number;
  /** Seconds that a checkpoint adds. */
  readonly checkpoint: number;
  /** Of the time of training, 0 to 1. */
  readonly share: number;
}

/**
 * Medians over the rounds; a checkpoint's cost is what its stretch took longer than the stretch beside it.
 * @param every updates between two checkpoints
 */
export function checkpointCost(
  rounds: readonly Pick<DurabilityValues, 'updates' | 'without' | 'withCheckpoint'>[],
  every: number,
): CheckpointCost {
  const update = median(rounds.map(({ updates, without }) => without / updates));
  const checkpoint = median(rounds.map(({ without, withCheckpoint }) => withCheckpoint - without));
  return { every, update, checkpoint, share: checkpoint / (every * update + checkpoint) };
}

function rowsOf(
  name: string,
  { every, update, checkpoint, share }: CheckpointCost,
  tokens: number,
): BenchRow[] {
  const without = tokens / update;
  const ours = (every * tokens) / (every * update + checkpoint);
  return [
    { name: `${name}/without-checkpoints`, ours, peer: without, unit: 'tokens/s', ratio: ours / without },
    { name: `${name}/share`, ours: 100 * share, peer: null, unit: '%', ratio: null },
  ];
}

function describeCost(
  name: string,
  { every, update, checkpoint, share }: CheckpointCost,
  rounds: readonly DurabilityValues[],
): string {
  const ms = (seconds: number) => `${(1000 * seconds).toFixed(seconds < 0.1 ? 1 : 0)} ms`;
  const part = (which: 'snapshot' | 'write' | 'commit') => ms(median(rounds.map((round) => round[which])));
  const differences = rounds.map(({ without, withCheckpoint }) => withCheckpoint - without);
  const mib = (rounds[0]!.bytes / 2 ** 20).toFixed(1);
  return (
    `${name}: a checkpoint of ${mib} MiB adds ${ms(checkpoint)} (${ms(Math.min(...differences))} to ` +
    `${ms(Math.max(...differences))} over ${rounds.length} rounds; snapshot ${part('snapshot')}, write ${part('write')}, ` +
    `commit ${part('commit')}) to ${every} updates of ${ms(update)}: ${(100 * share).toFixed(2)} % ` +
    `(${share <= AIM ? 'within' : 'NOT within'} ${100 * AIM} %)`
  );
}
