import type { RunDetail } from './api.js';
import { formatNumber, table } from './output.js';

/** One difference in configuration, or one final metric; a value for each run, in their order. */
export interface ComparisonRow {
  readonly kind: 'configuration' | 'metric';
  /** Dotted: `optimise.kl.target`; of a metric `step.metric`. */
  readonly name: string;
  readonly values: readonly unknown[];
}

/** Keys of the configuration in which the runs differ, and all their final metrics. */
export function compareRuns(runs: readonly RunDetail[]): ComparisonRow[] {
  const configurations = runs.map((run) => leaves(run.configuration, ''));
  const metrics = runs.map(
    (run) =>
      new Map(
        run.steps.flatMap((step) =>
          Object.entries(step.metrics).map(([name, value]) => [`${step.name}.${name}`, value] as const),
        ),
      ),
  );
  const differences = rows('configuration', configurations).filter(
    ({ values }) => new Set(values.map((value) => JSON.stringify(value))).size > 1,
  );
  return [...differences, ...rows('metric', metrics)];
}

export function comparisonTable(runs: readonly RunDetail[], rows: readonly ComparisonRow[]): string {
  return table([
    ['', ...runs.map((run) => run.runId)],
    ['name', ...runs.map((run) => run.name)],
    ...rows.map(({ name, values }) => [name, ...values.map(cell)]),
  ]);
}

function cell(value: unknown): string {
  if (value === null) return '–';
  return typeof value === 'number'
    ? formatNumber(value)
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);
}

function rows(kind: ComparisonRow['kind'], maps: readonly ReadonlyMap<string, unknown>[]): ComparisonRow[] {
  const names = new Set(maps.flatMap((map) => [...map.keys()]));
  return [...names].map((name) => ({ kind, name, values: maps.map((map) => map.get(name) ?? null) }));
}

function leaves(value: unknown, path: string): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map([[path, value]]);
  return new Map(
    Object.entries(value).flatMap(([key, member]) => [
      ...leaves(member, path === '' ? key : `${path}.${key}`),
    ]),
  );
}
