import type { Estimate } from '@plumbline/contracts';
import { INK, renderSvg, type Ink } from './svg.js';

export interface IntervalRow {
  readonly label: string;
  readonly estimate: Estimate;
  readonly ink: Ink;
}

export interface IntervalFigure {
  readonly rows: readonly IntervalRow[];
  readonly percent?: boolean;
  readonly range?: readonly [number, number];
  /** Vertical reference lines: chance, a ceiling. */
  readonly references?: readonly { readonly label: string; readonly value: number }[];
}

const WIDTH = 520;
const ROW_HEIGHT = 46;
const MARGIN = 58;

/** A dot for each estimate and a bar for its 95 % interval. */
export function intervalFigure(figure: IntervalFigure, title: string): string {
  const { percent = false, references = [] } = figure;
  const rows = figure.rows.filter(({ estimate }) => Number.isFinite(estimate.value));
  const label = (value: number): string =>
    (percent ? `${(value * 100).toFixed(1)} %` : value.toFixed(2)).replace('-', '−');
  const [min, max] = figure.range ?? reach(rows);
  return renderSvg(
    {
      grid: { left: 8, right: 24, top: references.length > 0 ? 22 : 8, bottom: 8, containLabel: true },
      xAxis: {
        type: 'value',
        scale: true,
        min,
        max,
        splitNumber: 5,
        axisLabel: {
          color: INK.faint,
          hideOverlap: true,
          formatter: (value: number) =>
            percent ? `${Math.round(value * 100)} %` : String(value).replace('-', '−'),
        },
        splitLine: { lineStyle: { color: INK.grid } },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: rows.map((row) => row.label),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: INK.text, fontSize: 13 },
      },
      series: [
        {
          type: 'custom',
          silent: true,
          data: rows.map(({ estimate }, row) => [estimate.value, row, estimate.low, estimate.high]),
          renderItem: (parameters, api) => {
            const row = rows[parameters.dataIndex]!;
            const [x, y] = api.coord([api.value(0), api.value(1)]) as [number, number];
            const low = api.coord([api.value(2), api.value(1)])[0]!;
            const high = api.coord([api.value(3), api.value(1)])[0]!;
            return {
              type: 'group',
              children: [
                {
                  type: 'rect',
                  shape: { x: low, y: y - 4, width: Math.max(high - low, 1), height: 8, r: 4 },
                  style: { fill: row.ink, opacity: 0.35 },
                },
                { type: 'circle', shape: { cx: x, cy: y, r: 5 }, style: { fill: row.ink } },
                {
                  type: 'text',
                  style: {
                    text: label(row.estimate.value),
                    x,
                    y: y - 9,
                    align: 'center',
                    verticalAlign: 'bottom',
                    fill: INK.text,
                    fontSize: 12,
                    fontWeight: 600,
                  },
                },
              ],
            };
          },
          markLine: {
            silent: true,
            symbol: 'none',
            lineStyle: { color: INK.faint, type: [5, 4], width: 1.2 },
            data: references.map(({ label: name, value }) => ({
              xAxis: value,
              label: { formatter: name, position: 'start', color: INK.faint, fontSize: 11 },
            })),
          },
        },
      ],
    },
    { width: WIDTH, height: rows.length * ROW_HEIGHT + MARGIN },
    [
      title,
      ...rows.map(
        (row) =>
          `${row.label} ${label(row.estimate.value)}, 95 % interval ${label(row.estimate.low)} to ${label(row.estimate.high)}`,
      ),
      ...references.map((reference) => `${reference.label} at ${label(reference.value)}`),
    ].join('; '),
  );
}

/** Round bounds that hold every interval. */
function reach(rows: readonly IntervalRow[]): [number, number] {
  const low = Math.min(...rows.map(({ estimate }) => estimate.low));
  const high = Math.max(...rows.map(({ estimate }) => estimate.high));
  const unit = 10 ** Math.floor(Math.log10(high - low || 1)) / 2;
  const round = (value: number): number => Number((value * unit).toPrecision(12));
  return [round(Math.floor(low / unit)), round(Math.ceil(high / unit))];
}
