/**
 * `plumbline bench breakdown`: what an iteration of PPO spends its time on, checkpoints at the default cadence included.
 * A checkpoint counts as `bench durability` has it: snapshot, blobs, manifest and the transaction in a durable Postgres.
 */
import { join } from 'node:path';
import { resolveConfiguration } from '@plumbline/config';
import type { Bench, BenchContext, BenchRow } from '../bench.js';
import { runChosenSizes } from '../chosen-sizes.js';
import { roundsBesidePostgres } from '../durability/rounds-beside-postgres.js';
import { median } from '../statistics.js';
import { ppoWork } from './ppo-bench.js';
import { RLHF_SIZES, type RlhfSize } from './sizes.js';
import type { BreakdownTask, BreakdownValues } from './task.js';
import { planOf } from './trl-comparison.js';

const DEFAULT_ROUNDS = 7;
/** What checkpoints may take of the whole. */
const AIM = 0.05;

export const breakdownBench: Bench = {
  name: 'breakdown',
  describes: 'shares of rollout, scoring, updates and checkpoints in an iteration of PPO (no peer)',
  standard: false,
  sizes: RLHF_SIZES.map(({ name }) => name),
  run: (context) => runChosenSizes(RLHF_SIZES, context, runSize),
};

async function runSize(size: RlhfSize, context: BenchContext): Promise<BenchRow[]> {
  const name = `breakdown/${size.name}`;
  const rounds = await roundsBesidePostgres<BreakdownValues>(
    'breakdown',
    size.name,
    context.rounds ?? DEFAULT_ROUNDS,
    context,
    (directory, databaseUrl) => {
      const task: BreakdownTask = {
        ...ppoWork(size, context.threads),
        weightsFile: join(directory, 'weights.safetensors'),
        plan: planOf(context),
        databaseUrl,
      };
      return Promise.resolve(task);
    },
  );
  const every = resolveConfiguration({ name, step: 'pretrain' }).optimise.checkpointEvery;
  return rowsOf(name, rounds, every, context);
}

export interface Share {
  readonly part: string;
  /** Of an iteration, a checkpoint's divided among the iterations between two. */
  readonly seconds: number;
  /** 0 to 1 */
  readonly share: number;
}

/**
 * Medians over the rounds of each part; they add up to the whole.
 * @param every iterations between two checkpoints
 */
export function sharesOf(rounds: readonly BreakdownValues[], every: number): Share[] {
  const of = (part: keyof BreakdownValues): number => median(rounds.map((round) => round[part]));
  const parts = [
    { part: 'rollout', seconds: of('sampling') },
    { part: 'scoring', seconds: of('scoring') },
    { part: 'update', seconds: of('update') },
    { part: 'durability', seconds: of('checkpoint') / every },
  ];
  const whole = parts.reduce((sum, { seconds }) => sum + seconds, 0);
  return parts.map((each) => ({ ...each, share: each.seconds / whole }));
}

function rowsOf(
  name: string,
  rounds: readonly BreakdownValues[],
  every: number,
  context: BenchContext,
): BenchRow[] {
  const shares = sharesOf(rounds, every);
  const told = shares.map(({ part, seconds }) => `${part} ${(1000 * seconds).toFixed(1)} ms`).join(', ');
  const durability = shares.at(-1)!.share;
  context.remark(
    `${name}: of an iteration ${told}; a checkpoint takes ` +
      `${(1000 * median(rounds.map(({ checkpoint }) => checkpoint))).toFixed(0)} ms, one in ${every} iterations ` +
      `(${durability <= AIM ? 'within' : 'NOT within'} ${100 * AIM} %)`,
  );
  return shares.map(({ part, share }) => ({
    name: `${name}/${part}`,
    ours: 100 * share,
    peer: null,
    unit: '%',
    ratio: null,
  }));
}
