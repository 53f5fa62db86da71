import type { CustomSeriesOption, LineSeriesOption } from 'echarts/charts';
import { referenceLine } from './reference-line.js';
import { INK, renderSvg, type Ink } from './svg.js';

/** A measured point; `low` and `high`: its interval. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
  /** Written beside it. */
  readonly note?: string;
}

export interface PointGroup {
  readonly label: string;
  readonly points: readonly Point[];
  readonly ink: Ink;
  /** A fitted curve, drawn dashed; where there is one, the points are not joined. */
  readonly curve?: readonly (readonly [number, number])[];
}

export interface PointFigure {
  readonly groups: readonly PointGroup[];
  readonly xLabel: string;
  /** Absent: from 0. */
  readonly xRange?: readonly [number, number];
  /** The value axis reaches these; absent: as far as the points do. */
  readonly yRange?: readonly [number, number];
  /** Horizontal reference lines. */
  readonly references?: readonly { readonly label: string; readonly value: number }[];
}

const WIDTH = 520;
const HEIGHT = 300;

/** Measured points with their intervals as bars, group by group, with fitted curves where there are any. */
export function pointFigure(figure: PointFigure, title: string): string {
  const { groups, references = [] } = figure;
  const values = [
    ...groups.flatMap(({ points }) => points.flatMap(({ low, high }) => [low, high])),
    ...references.map(({ value }) => value),
    ...(figure.yRange ?? []),
  ];
  const pad = (Math.max(...values) - Math.min(...values)) * 0.04;
  return renderSvg(
    {
      grid: { left: 8, right: 24, top: 36, bottom: 28, containLabel: true },
      legend: {
        top: 0,
        right: 8,
        itemWidth: 14,
        itemHeight: 8,
        itemGap: 18,
        textStyle: { color: INK.text, fontSize: 12 },
        data: groups.map(({ label, ink }) => ({ name: label, icon: 'circle', itemStyle: { color: ink } })),
      },
      xAxis: {
        type: 'value',
        name: figure.xLabel,
        nameLocation: 'middle',
        nameGap: 28,
        nameTextStyle: { color: INK.faint, fontSize: 12 },
        min: figure.xRange?.[0] ?? 0,
        ...(figure.xRange && { max: figure.xRange[1] }),
        axisLine: { lineStyle: { color: INK.grid } },
        axisTick: { show: false },
        axisLabel: { color: INK.faint, hideOverlap: true },
        splitLine: { show: false },
      },
      yAxis: {
        type: 'value',
        scale: true,
        min: (extent) => round(Math.min(extent.min, Math.min(...values) - pad)),
        max: (extent) => round(Math.max(extent.max, Math.max(...values) + pad)),
        splitNumber: 4,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: {
          color: INK.faint,
          showMinLabel: false,
          showMaxLabel: false,
          formatter: (value: number) => String(Number(value.toPrecision(3))).replace('-', '−'),
        },
        splitLine: { lineStyle: { color: INK.grid } },
      },
      series: [
        ...groups.flatMap((group) => [bars(group), ...drawn(group)]),
        ...references.map(referenceLine),
      ],
    },
    { width: WIDTH, height: HEIGHT },
    describe(title, figure),
  );
}

function drawn({ label, points, ink, curve }: PointGroup): LineSeriesOption[] {
  const measured: LineSeriesOption = {
    type: 'line',
    name: label,
    silent: true,
    symbol: 'circle',
    symbolSize: 7,
    showSymbol: true,
    itemStyle: { color: ink },
    lineStyle: { color: ink, width: 1.5, opacity: curve ? 0 : 0.7 },
    data: points.map(({ x, y, note }) => ({
      value: [x, y],
      ...(note !== undefined && {
        label: {
          show: true,
          formatter: note,
          position: 'right',
          distance: 5,
          color: INK.faint,
          fontSize: 11,
        },
      }),
    })),
  };
  if (!curve) return [measured];
  return [
    {
      type: 'line',
      name: `${label} (fitted)`,
      silent: true,
      showSymbol: false,
      lineStyle: { color: ink, width: 1.5, type: [5, 4], opacity: 0.8 },
      data: curve.map(([x, y]) => [x, y]),
    },
    measured,
  ];
}

/** The intervals. */
function bars({ label, points, ink }: PointGroup): CustomSeriesOption {
  return {
    type: 'custom',
    name: `${label} (interval)`,
    silent: true,
    data: points.map(({ x, low, high }) => [x, low, high]),
    encode: { x: 0, y: [1, 2] },
    renderItem: (_, api) => {
      const [x, low] = api.coord([api.value(0), api.value(1)]) as [number, number];
      const high = api.coord([api.value(0), api.value(2)])[1]!;
      return {
        type: 'line',
        shape: { x1: x, y1: low, x2: x, y2: high },
        style: { stroke: ink, lineWidth: 4, opacity: 0.35, lineCap: 'round' },
      };
    },
  };
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

function describe(title: string, { groups, references = [] }: PointFigure): string {
  const text = (value: number): string => value.toFixed(2).replace('-', '−');
  return [
    title,
    ...groups.map(
      ({ label, points }) => `${label}: ${points.map(({ x, y }) => `${text(y)} at ${text(x)}`).join(', ')}`,
    ),
    ...references.map(({ label, value }) => `${label} at ${text(value)}`),
  ].join('; ');
}
