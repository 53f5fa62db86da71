import { describe, expect, it } from 'vitest';
import { chartsOf } from './charts.js';

const points: [number, number][] = [
  [0, 1],
  [1, 2],
];

describe('chartsOf', () => {
  it('draws a loss and its held-out loss on the same axes, training first', () => {
    const charts = chartsOf([
      { step: 'pretrain', name: 'heldOutLoss', points },
      { step: 'pretrain', name: 'loss', points },
    ]);
    expect(charts).toHaveLength(1);
    expect(charts[0]?.lines.map((line) => line.name)).toEqual(['loss', 'heldOutLoss']);
  });

  it('keeps the same metric of different steps apart and the steps in their order', () => {
    const charts = chartsOf([
      { step: 'pretrain', name: 'loss', points },
      { step: 'reward', name: 'loss', points },
    ]);
    expect(charts.map((chart) => chart.step)).toEqual(['pretrain', 'reward']);
  });

  it('shows a metric it does not know under its own name, after those it knows', () => {
    const charts = chartsOf([
      { step: 'optimise', name: 'tokensPerSecond', points },
      { step: 'optimise', name: 'objective/kl', points },
    ]);
    expect(charts.map(({ title, main }) => ({ title, main }))).toEqual([
      { title: 'KL to the reference policy', main: true },
      { title: 'Tokens per second', main: false },
    ]);
  });

  it('leaves out a series without points', () => {
    expect(chartsOf([{ step: 'reward', name: 'loss', points: [] }])).toEqual([]);
  });
});
