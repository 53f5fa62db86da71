import { describe, expect, it } from 'vitest';
import { interleave } from './interleave.js';
import type { ReadyAnswer } from './protocol.js';

/** A side that takes `unitSeconds` for a unit, and tells when it works. */
function fakeSide(name: string, unitSeconds: number, log: string[]) {
  let working = false;
  return {
    name,
    ready: { unitSeconds } as ReadyAnswer,
    async round(units: number) {
      expect(working).toBe(false);
      working = true;
      log.push(`${name} ${units}`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} done`);
      working = false;
      return { kind: 'round' as const, seconds: units * unitSeconds };
    },
  };
}

describe('rounds in turn', () => {
  it('lets one side work at a time, about as long as another, each first in turn', async () => {
    const log: string[] = [];
    const sides = [fakeSide('ours', 0.1, log), fakeSide('peer', 0.25, log), fakeSide('slow', 3, log)];
    const rates = await interleave(sides, { rounds: 2, roundSeconds: 1, onRound: () => undefined });
    const round = (names: string[]) => names.flatMap((name) => [name, `${name.split(' ')[0]!} done`]);
    expect(log).toEqual([
      ...round(['ours 10', 'peer 4', 'slow 1']),
      ...round(['slow 1', 'peer 4', 'ours 10']),
    ]);
    expect(rates.get('ours')).toEqual([10, 10]);
    expect(rates.get('peer')).toEqual([4, 4]);
    expect(rates.get('slow')).toEqual([1 / 3, 1 / 3]);
  });
});
