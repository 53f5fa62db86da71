/** Rounds in turn: every side works about as long in each, and never at the same time as another. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Side } from './side.js';

/** As much of a `Side` as taking turns needs. */
export type InterleavedSide = Pick<Side, 'name' | 'ready' | 'round'>;

export interface InterleaveOptions {
  readonly rounds: number;
  /** About how long a round of one side takes. */
  readonly roundSeconds: number;
  readonly onRound: (done: number) => void;
}

/** Lets the threads of the side that has just worked fall asleep. */
const PAUSE_MS = 30;

/**
 * Units per second of every round, by side. A side's number of units a round is the same in every round, and at least
 * one. The order turns round from round to round (ABC, CBA), so that no side is always first after the other.
 */
export async function interleave(
  sides: readonly InterleavedSide[],
  { rounds, roundSeconds, onRound }: InterleaveOptions,
): Promise<Map<string, number[]>> {
  const units = new Map(
    sides.map((side) => [side.name, Math.max(1, Math.round(roundSeconds / side.ready.unitSeconds))]),
  );
  const rates = new Map<string, number[]>(sides.map((side) => [side.name, []]));
  for (let round = 0; round < rounds; round++) {
    onRound(round);
    const order = round % 2 === 0 ? sides : [...sides].reverse();
    for (const side of order) {
      const count = units.get(side.name)!;
      const { seconds } = await side.round(count);
      rates.get(side.name)!.push(count / seconds);
      await delay(PAUSE_MS);
    }
  }
  onRound(rounds);
  return rates;
}
