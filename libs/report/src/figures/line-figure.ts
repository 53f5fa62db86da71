import type { LineSeriesOption } from 'echarts/charts';
import type { Series } from '../report-input.js';
import { INK, renderSvg, type Ink } from './svg.js';

export interface Line {
  readonly label: string;
  readonly points: Series;
  readonly ink: Ink;
  /** Draws the measured values faintly and their running mean on top: for noisy curves. */
  readonly smooth?: boolean;
  /** Shows a mark at each point: for curves of few points. */
  readonly marks?: boolean;
}

export interface LineFigure {
  readonly lines: readonly Line[];
  readonly xLabel: string;
  /** Horizontal reference lines. */
  readonly references?: readonly { readonly label: string; readonly value: number }[];
  readonly percent?: boolean;
  /** Starts the value axis at zero. */
  readonly fromZero?: boolean;
}

const WIDTH = 520;
const HEIGHT = 270;

export function lineFigure(figure: LineFigure, title: string): string {
  const { lines, references = [], percent = false } = figure;
  const named = lines.length > 1;
  const label = (value: number): string =>
    percent ? `${Math.round(value * 1000) / 10} %` : axisNumber(value);
  const series: LineSeriesOption[] = lines.flatMap((line) => drawn(line));
  if (references.length > 0 && series[0]) {
    series[0].markLine = {
      silent: true,
      symbol: 'none',
      lineStyle: { color: INK.faint, type: [5, 4], width: 1.2 },
      data: references.map(({ label: name, value }) => ({
        yAxis: value,
        label: { formatter: name, position: 'insideStartTop', color: INK.faint, fontSize: 11 },
      })),
    };
  }
  return renderSvg(
    {
      grid: { left: 8, right: 18, top: named ? 34 : 14, bottom: 26, containLabel: true },
      ...(named && {
        legend: {
          top: 0,
          right: 8,
          icon: 'roundRect',
          itemWidth: 14,
          itemHeight: 3,
          itemGap: 18,
          textStyle: { color: INK.text, fontSize: 12 },
          data: lines.map(({ label: name, ink }) => ({ name, itemStyle: { color: ink } })),
        },
      }),
      xAxis: {
        type: 'value',
        name: figure.xLabel,
        nameLocation: 'middle',
        nameGap: 26,
        nameTextStyle: { color: INK.faint, fontSize: 12 },
        min: 'dataMin',
        max: 'dataMax',
        axisLine: { lineStyle: { color: INK.grid } },
        axisTick: { show: false },
        axisLabel: { color: INK.faint, hideOverlap: true, showMinLabel: false },
        splitLine: { show: false },
      },
      yAxis: {
        type: 'value',
        scale: figure.fromZero !== true,
        splitNumber: 4,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: INK.faint, formatter: label },
        splitLine: { lineStyle: { color: INK.grid } },
      },
      series: [...series, ...references.map(({ value }) => reaching(value, lines))],
    },
    { width: WIDTH, height: HEIGHT },
    description(title, figure, label),
  );
}

/** An invisible point: the value axis must reach a reference line, which by itself does not count. */
function reaching(value: number, lines: readonly Line[]): LineSeriesOption {
  const at = lines.find(({ points }) => points.length > 0)?.points[0]![0] ?? 0;
  return { type: 'line', silent: true, symbol: 'none', lineStyle: { opacity: 0 }, data: [[at, value]] };
}

function drawn({ label, points, ink, smooth = false, marks = false }: Line): LineSeriesOption[] {
  const line = {
    type: 'line' as const,
    name: label,
    silent: true,
    data: points.map(([index, value]): [number, number] => [index, value]),
    showSymbol: marks || points.length === 1,
    symbol: 'circle',
    symbolSize: 5,
    itemStyle: { color: ink },
    lineStyle: { color: ink, width: 2 },
  };
  if (!smooth || points.length < 12) return [line];
  return [
    { ...line, name: `${label} (measured)`, lineStyle: { color: ink, width: 1, opacity: 0.3 } },
    { ...line, data: runningMean(points, Math.max(3, Math.round(points.length / 15))) },
  ];
}

/** Centred running mean over `window` points. */
export function runningMean(points: Series, window: number): [number, number][] {
  const reach = Math.floor(window / 2);
  return points.map(([index], i) => {
    const near = points.slice(Math.max(0, i - reach), i + reach + 1);
    return [index, near.reduce((sum, [, value]) => sum + value, 0) / near.length];
  });
}

function axisNumber(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 10_000) return `${axisNumber(value / 1000)}k`;
  const text =
    magnitude !== 0 && magnitude < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(4)));
  return text.replace('-', '−');
}

function description(
  title: string,
  { lines, references = [] }: LineFigure,
  label: (value: number) => string,
): string {
  const told = lines
    .filter(({ points }) => points.length > 0)
    .map(({ label: name, points }) => `${name} from ${label(points[0]![1])} to ${label(points.at(-1)![1])}`);
  return [title, ...told, ...references.map((r) => `${r.label}: ${label(r.value)}`)].join('; ');
}
