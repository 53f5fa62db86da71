import { describe, expect, it } from 'vitest';
import { BAND_SIZE, bandFigure, INK, pointFigure, standaloneFigure } from './index.js';

const band = bandFigure(
  {
    bands: [
      {
        label: 'gold & "proxy" <reward>',
        ink: INK.policy,
        points: [0, 4, 8].map((x) => ({ x, mean: x, low: x - 2, high: x + 1 })),
      },
    ],
    references: [{ label: 'best of 4', value: 3 }],
    xLabel: 'iteration',
    yLabel: 'Reward',
  },
  'Reward by iteration',
);
const points = pointFigure(
  {
    groups: [{ label: 'a', ink: INK.bestOf, points: [{ x: 1, y: 2, low: 1.5, high: 2.5, note: '16' }] }],
    xLabel: 'd',
    references: [{ label: 'start', value: 0 }],
  },
  'Reward against d',
);
const file = standaloneFigure(
  [band, points].map((svg) => ({ svg, ...BAND_SIZE })),
  'Both & <more>',
  'A caption',
);

describe('a figure as a file', () => {
  it('is well-formed: quoted attributes, none of them twice, every element closed', () => {
    const open: string[] = [];
    for (const [tag] of file.replace(/<!\[CDATA\[.*?\]\]>/gs, '').matchAll(/<[^>]*>/g)) {
      expect(tag).toMatch(/^<\/?[\w:-]+(\s+[\w:-]+="[^"<]*")*\s*\/?>$/);
      const attributes = [...tag.matchAll(/\s([\w:-]+)="/g)].map(([, name]) => name);
      expect(new Set(attributes).size).toBe(attributes.length);
      const name = /^<\/?([\w:-]+)/.exec(tag)![1]!;
      if (tag.startsWith('</')) expect(open.pop()).toBe(name);
      else if (!tag.endsWith('/>')) open.push(name);
    }
    expect(open).toEqual([]);
    expect(file).not.toMatch(/&(?!#\d+;|amp;|lt;|gt;|quot;)/);
  });

  it('has colours of its own, and says what it shows', () => {
    expect(file).not.toContain('var(');
    expect(file).not.toMatch(/#01020[0-9a-f]/);
    expect(file).toContain('aria-label="Both &amp; &lt;more&gt;"');
    expect(file).toContain('from 0.00 to 8.00 (6.00 to 9.00)');
  });

  it('is as wide as its panels together', () => {
    const width = Number(/width="(\d+)"/.exec(file)![1]);
    expect(width).toBeGreaterThan(2 * BAND_SIZE.width);
    expect(file.match(/<svg /g)).toHaveLength(3);
  });
});
