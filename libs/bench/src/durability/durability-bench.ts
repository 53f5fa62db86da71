/**
 * `plumbline bench durability`: what checkpoints at the default cadence cost of the time of training. Stretches of
 * updates with one checkpoint and without any alternate in one process; the difference, over the updates between two
 * checkpoints, is their share. Counted: the snapshot, encoding, hashing, writing and syncing its blobs and manifest, the
 * transaction in a durable Postgres, and whatever that does to the updates after it. Not counted: the held-out loss that
 * a step measures at a checkpoint, which is evaluation.
 */
import { join } from 'node:path';
import { resolveConfiguration } from '@plumbline/config';
import type { Bench, BenchContext, BenchRow } from '../bench.js';
import { runChosenSizes } from '../chosen-sizes.js';
import { planOf } from '../pretrain/execution-plan.js';
import { PRETRAIN_SIZES, type PretrainSize } from '../sizes.js';
import { median } from '../statistics.js';
import { roundsBesidePostgres } from './rounds-beside-postgres.js';
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
  const rounds = await roundsBesidePostgres<DurabilityValues>(
    'durability',
    size.name,
    context.rounds ?? DEFAULT_ROUNDS,
    context,
    async (directory, databaseUrl) => {
      const task: DurabilityTask = {
        model: size.model,
        batch: size.batch,
        plan: await planOf(size, context),
        artifacts: join(directory, 'artifacts'),
        databaseUrl,
        stretchSeconds: STRETCH_SECONDS,
      };
      return task;
    },
  );
  const cost = checkpointCost(rounds, DEFAULTS.pretrain.checkpointEvery);
  context.remark(describeCost(name, cost, rounds));
  return rowsOf(name, cost, size.batch * size.model.context);
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
