import type { LineSeriesOption } from 'echarts/charts';
import { referenceLine } from './reference-line.js';
import { INK, renderSvg, type Ink } from './svg.js';

/** The mean of several runs at one place of their curves, and the lowest and highest of them. */
export interface BandPoint {
  readonly x: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface Band {
  readonly label: string;
  /** `x` rising. */
  readonly points: readonly BandPoint[];
  readonly ink: Ink;
}

export interface BandFigure {
  readonly bands: readonly Band[];
  readonly xLabel: string;
  /** Written above the value axis. */
  readonly yLabel: string;
  readonly references?: readonly { readonly label: string; readonly value: number }[];
}

export const BAND_SIZE = { width: 520, height: 300 } as const;

/** Curves of several runs: their mean as a line, all that lies between the lowest and the highest shaded. */
export function bandFigure({ bands, xLabel, yLabel, references = [] }: BandFigure, title: string): string {
  return renderSvg(
    {
      grid: { left: 8, right: 24, top: 36, bottom: 28, containLabel: true },
      ...(bands.length > 1 && {
        legend: {
          top: 0,
          right: 8,
          itemWidth: 14,
          itemHeight: 3,
          textStyle: { color: INK.text, fontSize: 12 },
          data: bands.map(({ label, ink }) => ({
            name: label,
            icon: 'roundRect',
            itemStyle: { color: ink },
          })),
        },
      }),
      xAxis: {
        type: 'value',
        name: xLabel,
        nameLocation: 'middle',
        nameGap: 28,
        nameTextStyle: { color: INK.faint, fontSize: 12 },
        min: 'dataMin',
        max: 'dataMax',
        axisLine: { lineStyle: { color: INK.grid } },
        axisTick: { show: false },
        axisLabel: { color: INK.faint, hideOverlap: true },
        splitLine: { show: false },
      },
      yAxis: {
        type: 'value',
        name: yLabel,
        nameTextStyle: { color: INK.text, fontSize: 13, fontWeight: 600, align: 'left' },
        nameGap: 14,
        scale: true,
        splitNumber: 4,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: {
          color: INK.faint,
          formatter: (value: number) => String(Number(value.toPrecision(4))).replace('-', '−'),
        },
        splitLine: { lineStyle: { color: INK.grid } },
      },
      series: [...bands.flatMap(drawn), ...references.map(referenceLine)],
    },
    BAND_SIZE,
    describe(title, bands),
  );
}

/** A shaded area is one line stacked upon another, which is not seen. */
function drawn({ label, points, ink }: Band): LineSeriesOption[] {
  const common = { type: 'line' as const, silent: true, showSymbol: false };
  const stacked = { ...common, stack: `${label} range`, stackStrategy: 'all' as const };
  return [
    {
      ...stacked,
      name: `${label} (lowest)`,
      lineStyle: { opacity: 0 },
      data: points.map(({ x, low }) => [x, low]),
    },
    {
      ...stacked,
      name: `${label} (range)`,
      lineStyle: { opacity: 0 },
      areaStyle: { color: ink, opacity: 0.18 },
      data: points.map(({ x, low, high }) => [x, high - low]),
    },
    {
      ...common,
      name: label,
      itemStyle: { color: ink },
      lineStyle: { color: ink, width: 2.2 },
      data: points.map(({ x, mean }) => [x, mean]),
    },
  ];
}

function describe(title: string, bands: readonly Band[]): string {
  const text = (value: number): string => value.toFixed(2).replace('-', '−');
  return [
    title,
    ...bands.map(({ label, points }) => {
      const first = points[0];
      const last = points.at(-1);
      return first && last
        ? `${label} from ${text(first.mean)} to ${text(last.mean)} (${text(last.low)} to ${text(last.high)})`
        : label;
    }),
  ].join('; ');
}
