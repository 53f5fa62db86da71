/** What a benchmark is: a name, the sizes it knows, and a run that gives rows. */
import type { ExecutionPlan } from '@plumbline/training';

/** One line of the result: the same work here and in a peer. */
export interface BenchRow {
  /** `<bench>/<size>/<peer>`, or `<bench>/<size>` where nothing else is compared. */
  readonly name: string;
  /** In `unit`, the median of the rounds. */
  readonly ours: number;
  /** null where the measurement has no peer, or where it could not run. */
  readonly peer: number | null;
  readonly unit: string;
  /** Above 1 means that ours is better, faster or smaller; null without a peer's value. */
  readonly ratio: number | null;
}

/** How our side computes the matrix products of its updates. */
export type Precision = ExecutionPlan['precision'];

/** What a run may use of the world, and how it says what it does. */
export interface BenchContext {
  /** Sizes to run, of those that the bench knows; absent: all of them. */
  readonly sizes?: readonly string[];
  /** Measured rounds of every side; absent: the bench's own default. */
  readonly rounds?: number;
  /** Threads of every side. */
  readonly threads: number;
  /** Of our updates' matrix products; absent: the faster one, measured first. */
  readonly precision?: Precision;
  /** Where the bench keeps what it installs and writes. */
  readonly home: string;
  /** The Python interpreter of the peers; absent: one with the pinned packages, installed below `home`. */
  readonly python?: string;
  /** What is being done now, in one short line. */
  progress(progress: BenchProgress): void;
  /** A remark that stays: a peer that cannot run, compile times, the rounds' extremes. */
  remark(text: string): void;
  /** Versions, by library, of what a side computes with; told as often as sides start. */
  versions(versions: Readonly<Record<string, string>>): void;
}

export interface BenchProgress {
  /** The bench and size, and what is being done of it. */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
}

export interface Bench {
  readonly name: string;
  /** One line of help. */
  readonly describes: string;
  /** Whether `plumbline bench` without names runs it. */
  readonly standard: boolean;
  readonly sizes: readonly string[];
  run(context: BenchContext): Promise<readonly BenchRow[]>;
}

/** What was asked for does not exist or makes no sense; the message says what and where. */
export class BenchUsageError extends Error {
  override readonly name = 'BenchUsageError';
}

/** A measurement could not be made. */
export class BenchError extends Error {
  override readonly name = 'BenchError';
}
