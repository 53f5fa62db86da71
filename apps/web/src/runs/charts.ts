import type { Series } from '../api/types.js';
import { chartRank, metricOf } from './metric-catalogue.js';

export interface ChartLine {
  readonly name: string;
  readonly title: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface Chart {
  readonly key: string;
  readonly step: string;
  readonly title: string;
  readonly unit: string;
  readonly about: string;
  readonly lines: readonly ChartLine[];
}

/** Series put into charts: those of a step that share axes together, steps in the order they come. */
export function chartsOf(series: readonly Series[]): Chart[] {
  const charts = new Map<string, Series[]>();
  const steps: string[] = [];
  for (const one of series) {
    if (one.points.length === 0) continue;
    if (!steps.includes(one.step)) steps.push(one.step);
    const key = `${one.step}/${metricOf(one.name).chart}`;
    charts.set(key, [...(charts.get(key) ?? []), one]);
  }
  return [...charts]
    .map(([key, members]) => {
      const ordered = [...members].sort((a, b) => a.name.length - b.name.length);
      const first = ordered[0]!;
      const metric = metricOf(first.name);
      return {
        key,
        step: first.step,
        title: metric.title,
        unit: metric.unit,
        about: metric.about ?? '',
        lines: ordered.map(({ name, points }) => ({ name, title: metricOf(name).title, points })),
      };
    })
    .sort(
      (a, b) =>
        steps.indexOf(a.step) - steps.indexOf(b.step) ||
        chartRank(a.key.slice(a.step.length + 1)) - chartRank(b.key.slice(b.step.length + 1)) ||
        a.title.localeCompare(b.title),
    );
}
