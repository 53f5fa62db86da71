import { describe, expect, it } from 'vitest';
import type { Bench, BenchContext } from './bench.js';
import { BENCHES, chooseBenches, runBenches } from './benches.js';

const bench = (name: string, sizes: string[], standard = true): Bench => ({
  name,
  describes: '',
  standard,
  sizes,
  run: (context) =>
    Promise.resolve(
      (context.sizes ?? sizes).map((size) => ({
        name: `${name}/${size}`,
        ours: 1,
        peer: null,
        unit: 's',
        ratio: null,
      })),
    ),
});
const benches = [bench('train', ['4x128', '4x256']), bench('write', ['4x256-b1', '4x256-b16'])];
const context = { threads: 1, home: '' } as unknown as BenchContext;
const names = async (sizes?: string[]) =>
  (await runBenches(benches, { ...context, sizes })).map(({ name }) => name);

describe('which benches run', () => {
  it('all standard ones without names, else the named, in their own order', () => {
    const all = [...benches, bench('long', [], false)];
    expect(chooseBenches([], [], all)).toEqual(benches);
    expect(chooseBenches(['long', 'train'], [], all)).toEqual([all[0], all[2]]);
    expect(BENCHES.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['pretrain', 'generate', 'memory']),
    );
  });

  it('refuses names and sizes that do not exist, and says which do', () => {
    expect(() => chooseBenches(['trian'], [], benches)).toThrow(
      'no such bench: trian; there are train, write',
    );
    expect(() => chooseBenches(['train'], ['9x9'], benches)).toThrow(/--size 9x9: .* 4x128, 4x256/);
    expect(() => chooseBenches(['train'], ['b16'], benches)).toThrow('--size b16');
  });

  it('sizes by their whole name or a part of it', async () => {
    expect(await names()).toEqual(['train/4x128', 'train/4x256', 'write/4x256-b1', 'write/4x256-b16']);
    expect(await names(['4x256'])).toEqual(['train/4x256', 'write/4x256-b1', 'write/4x256-b16']);
    expect(await names(['b1'])).toEqual(['write/4x256-b1']);
    expect(await names(['4x128', '4x256-b16'])).toEqual(['train/4x128', 'write/4x256-b16']);
  });
});
