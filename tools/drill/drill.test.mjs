import { describe, expect, it } from 'vitest';
import { differences } from './checkpoints.mjs';
import { drawKills, PHASES, phaseOf, STEPS, WANTED } from './kills.mjs';
import { parseMoments } from './moments.mjs';

const MOMENTS = Object.values(PHASES).flat();

/** Moments of an unbroken run with `checkpoints` checkpoints of four files, every fifth update, in each step. */
function unbrokenMoments(checkpoints) {
  const times = (name) => checkpoints * ({ update: 5, write: 4, rename: 4, renamed: 4 }[name] ?? 1);
  return STEPS.flatMap((step) =>
    MOMENTS.flatMap((name) =>
      Array.from({ length: times(name) }, (_, index) => ({
        step,
        name,
        number: index + 1,
        at: 1000 + 40 * index,
      })),
    ),
  );
}

describe('the kills of a drill', () => {
  const unbroken = unbrokenMoments(5);
  const drill = (runs) => Array.from({ length: runs }, (_, run) => drawKills({ run, runs, unbroken }));

  it.each([1, 2, 3, 5, 20])('meet each step in every run and each phase often enough: %i runs', (runs) => {
    const drawn = drill(runs);
    for (const kills of drawn) {
      expect(new Set(kills.map(({ step }) => step))).toEqual(new Set(STEPS));
      const moments = kills.map(({ step, moment, number }) => `${step} ${moment} ${number}`);
      expect(new Set(moments).size).toBe(kills.length);
      for (const { step, moment, number } of kills) {
        expect(
          unbroken.some((each) => each.step === step && each.name === moment && each.number === number),
        ).toBe(true);
      }
    }
    for (const moments of Object.values(PHASES)) {
      const met = drawn.flat().filter(({ moment }) => moments.includes(moment));
      expect(met.length).toBeGreaterThanOrEqual(WANTED);
    }
  });

  it('are a function of the seed, and others for other seeds', () => {
    expect(drill(20)).toEqual(drill(20));
    const told = drill(20).map((kills) => JSON.stringify(kills.map(({ id: _, ...kill }) => kill)));
    expect(new Set(told).size).toBe(20);
  });

  it('from outside come at any time up to the next update', () => {
    const delays = drill(20)
      .flat()
      .filter(({ fromOutside }) => fromOutside)
      .map(({ delayMs }) => delayMs);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeLessThan(40);
    expect(new Set(delays).size).toBe(delays.length);
  });

  it('cannot be drawn from a run that has no such moments', () => {
    const none = unbroken.filter(({ name }) => name !== 'write');
    expect(() => drawKills({ run: 0, runs: 1, unbroken: none })).toThrow(/no moment write of \w+ left/);
  });
});

describe('the phase of a kill', () => {
  const last = (name, done) => ({ name, done, total: 20 });
  const attempt = { checkpointEvery: 5, from: 0, fromOutside: true };

  it('is that of the last moment', () => {
    expect(phaseOf(last('update', 7), attempt)).toBe('forward/update');
    expect(phaseOf(last('write', 5), attempt)).toBe('checkpoint write');
    expect(phaseOf(last('renamed', 5), attempt)).toBe('rename');
    expect(phaseOf(last('commit-answer', 5), attempt)).toBe('commit');
  });

  it('is the next update, if there is one, some time after a commit', () => {
    expect(phaseOf(last('commit-acknowledged', 5), attempt)).toBe('forward/update');
    expect(phaseOf(last('commit-acknowledged', 20), attempt)).toBe('commit');
    expect(phaseOf(last('commit-acknowledged', 5), { ...attempt, fromOutside: false })).toBe('commit');
  });

  it('is none that is counted between the last update before a checkpoint and its first byte', () => {
    expect(phaseOf(last('update', 10), attempt)).toBe('snapshot');
    expect(phaseOf(last('update', 10), { ...attempt, from: 10 })).toBe('forward/update');
  });
});

describe('two runs', () => {
  const blobs = { weights: 'w', optimizer: 'o', state: 's' };
  const one = [
    { step: 'pretrain', index: 5, id: 'a', blobs },
    { step: 'pretrain', index: 10, id: 'b', blobs },
  ];

  it('are equal when all checkpoints are', () => {
    expect(differences(one, structuredClone(one))).toEqual([]);
  });

  it('differ by name in each blob, in the manifest, and in checkpoints that only one has', () => {
    const [first, second] = one;
    expect(differences(one, [{ ...first, id: 'x', blobs: { ...blobs, optimizer: 'p' } }, second])).toEqual([
      { step: 'pretrain', index: 5, blob: 'optimizer', unbroken: 'o', killed: 'p' },
    ]);
    expect(differences(one, [{ ...first, id: 'x' }, second])).toEqual([
      { step: 'pretrain', index: 5, blob: 'manifest', unbroken: 'a', killed: 'x' },
    ]);
    expect(differences(one, [second])).toEqual([
      { step: 'pretrain', index: 5, blob: 'manifest', unbroken: 'a', killed: null },
    ]);
    expect(differences([first], one)).toEqual([
      { step: 'pretrain', index: 10, blob: 'manifest', unbroken: null, killed: 'b' },
    ]);
  });
});

it('a line of moments that is still being written is not read', () => {
  expect(parseMoments('{"number":1}\n{"number":2}\n{"numb')).toEqual([{ number: 1 }, { number: 2 }]);
  expect(parseMoments('{"numb')).toEqual([]);
});
