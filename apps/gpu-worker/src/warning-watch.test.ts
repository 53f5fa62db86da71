import type { RunConfiguration } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { WarningWatch } from './warning-watch.js';

const settings = {
  kl: { controller: 'adaptive', coefficient: 0.1, target: 6, horizon: 10_000 },
} as RunConfiguration['optimise'];

describe('the watch over policy optimisation', () => {
  it('tells each warning once, when its point comes', () => {
    const watch = new WarningWatch(settings);
    const kl = (index: number, value: number) => watch.add({ index, values: { 'objective/kl': value } });
    expect(kl(1, 3)).toEqual([]);
    expect(kl(2, 30)).toMatchObject([{ kind: 'kl-explosion', index: 2 }]);
    expect(kl(3, 31)).toEqual([]);
    // An attempt that continues from the second iteration.
    expect(kl(2, 30)).toEqual([]);
    expect(watch.add({ index: 4, values: { 'val/engine_gap': 2, unwatched: 1 } })).toMatchObject([
      { kind: 'engine-gap', index: 4 },
    ]);
  });
});
