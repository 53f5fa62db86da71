import type { Series } from '../api/types.js';
import { metricOf, metricRank } from './metric-catalogue.js';

export interface ChartLine {
  readonly name: string;
  /** What it is called beside the chart's other lines. */
  readonly title: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface Chart {
  readonly key: string;
  readonly step: string;
  readonly title: string;
  readonly unit: string;
  readonly about: string;
  readonly main: boolean;
  readonly lines: readonly ChartLine[];
}

/** Series put into charts: those of a step that share axes together, in the order of the catalogue. */
export function chartsOf(series: readonly Series[]): Chart[] {
  const groups = new Map<string, Series[]>();
  const steps: string[] = [];
  for (const one of series) {
    if (one.points.length === 0) continue;
    if (!steps.includes(one.step)) steps.push(one.step);
    const key = `${one.step} ${metricOf(one.name).chart}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups]
    .map(([key, members]) => {
      members.sort((a, b) => metricRank(a.name) - metricRank(b.name));
      const [first] = members;
      const { title, unit, about, main } = metricOf(first!.name);
      const lines = members.map(({ name, points }) => ({ name, title: metricOf(name).line, points }));
      return { key, step: first!.step, title, unit, about, main, lines };
    })
    .sort(
      (a, b) =>
        steps.indexOf(a.step) - steps.indexOf(b.step) ||
        metricRank(a.lines[0]!.name) - metricRank(b.lines[0]!.name) ||
        a.title.localeCompare(b.title),
    );
}
