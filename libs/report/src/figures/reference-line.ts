import type { LineSeriesOption } from 'echarts/charts';
import { INK } from './svg.js';

/** A dashed horizontal line at a value, with its label on it. */
export function referenceLine({
  label,
  value,
}: {
  readonly label: string;
  readonly value: number;
}): LineSeriesOption {
  return {
    type: 'line',
    name: label,
    silent: true,
    data: [],
    markLine: {
      silent: true,
      symbol: 'none',
      lineStyle: { color: INK.faint, type: [5, 4], width: 1.2 },
      data: [
        {
          yAxis: value,
          label: { formatter: label, position: 'insideEndTop', color: INK.faint, fontSize: 11 },
        },
      ],
    },
  };
}
