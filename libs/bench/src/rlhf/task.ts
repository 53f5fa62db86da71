/** What each side of the preference and policy benches is told to do, as one JSON argument. */
import type { ExecutionPlan } from '@plumbline/training';
import type { RlhfSize } from './sizes.js';

interface RlhfWork extends Omit<RlhfSize, 'name'> {
  readonly threads: number;
  /** Units between the first and the first measured round. */
  readonly warmup: number;
  /** Safetensors file with the first weights of every model: ours writes it, the peer reads it. */
  readonly weightsFile: string;
  readonly learningRate: number;
}

interface Ours {
  readonly plan: ExecutionPlan;
}

interface Peer {
  /** Under bf16 autocast, where TRL does so. */
  readonly bf16: boolean;
  /** All weights in bf16, those that are trained included. */
  readonly bf16Weights: boolean;
  /** Units that each way of computing attention is timed by before the faster one is taken. */
  readonly triedUnits: number;
}

/** One iteration of PPO is a unit of work: a rollout of `batch` prompts and `epochs` updates on all of it. */
export interface PpoWork extends RlhfWork {
  readonly batch: number;
  readonly epochs: number;
  readonly temperature: number;
  readonly klCoefficient: number;
}
export type PpoTask = PpoWork & Ours;
export type PpoPeerTask = PpoWork & Peer;

/** The same, with every checkpoint in a durable store. */
export interface BreakdownTask extends PpoWork, Ours {
  /** A Postgres that keeps what it has committed, as the application's role; its migrations have run. */
  readonly databaseUrl: string;
}

/** Seconds of one iteration, and of the last checkpoint. */
export interface BreakdownValues {
  /** Responses from the policy. */
  readonly sampling: number;
  /** Old and reference log-probabilities, values, scores. */
  readonly scoring: number;
  readonly update: number;
  readonly checkpoint: number;
}

/** One update of a reward model is a unit of work. */
export interface RewardWork extends RlhfWork {
  /** Pairs an update. */
  readonly batch: number;
}
export type RewardTask = RewardWork & Ours;
export type RewardPeerTask = RewardWork & Peer;

/** Different prompts that iterations draw from. */
export const PROMPTS = 512;

/** What tokens are of; peers/trl_loop.py has the same numbers. */
const STREAMS = { prompt: 0, chosen: 1, rejected: 2 } as const;

/**
 * Arbitrary tokens, never token 0, which ends a text; the same on both sides, bit for bit.
 * @returns `rows` rows of `length`
 */
export function benchRows(
  stream: keyof typeof STREAMS,
  { rows, length, vocabulary }: { rows: number; length: number; vocabulary: number },
): number[][] {
  const first = STREAMS[stream] << 20;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length }, (_, index) => 1 + (mix(first + row * length + index) % (vocabulary - 1))),
  );
}

/** A well-mixed 32-bit hash of a counter (the finaliser of MurmurHash3). */
function mix(counter: number): number {
  let hash = counter + 1;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
