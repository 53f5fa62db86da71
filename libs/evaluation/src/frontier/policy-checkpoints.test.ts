import { FileArtifactStore, writeCheckpoint } from '@plumbline/artifacts';
import { PREVIOUS_CHECKPOINT } from '@plumbline/rlhf';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { evenlySpaced, policyCheckpoints } from './policy-checkpoints.js';

it('finds the checkpoints of a policy by what each went on from', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'chain-'));
  try {
    const artifacts = new FileArtifactStore(directory);
    const ids: string[] = [];
    for (const index of [10, 20, 25]) {
      const previous = ids.at(-1);
      ids.push(
        await writeCheckpoint(artifacts, {
          step: 'optimise',
          index,
          configuration: {},
          weights: {},
          optimizer: {},
          state: {},
          references: previous === undefined ? {} : { [PREVIOUS_CHECKPOINT]: previous },
        }),
      );
    }
    expect(await policyCheckpoints(artifacts, ids[2]!)).toEqual([
      { id: ids[0], index: 10, bestOf: 1 },
      { id: ids[1], index: 20, bestOf: 1 },
      { id: ids[2], index: 25, bestOf: 1 },
    ]);
    await expect(policyCheckpoints(artifacts, 'f'.repeat(64))).rejects.toThrow('f'.repeat(64));
  } finally {
    await rm(directory, { recursive: true });
  }
});

it('spaces a choice evenly and always takes the last', () => {
  const items = Array.from({ length: 10 }, (_, i) => i + 1);
  expect(evenlySpaced(items, 4)).toEqual([3, 5, 8, 10]);
  expect(evenlySpaced(items, 1)).toEqual([10]);
  expect(evenlySpaced(items, 10)).toEqual(items);
  expect(evenlySpaced([1, 2], 4)).toEqual([1, 2]);
});
