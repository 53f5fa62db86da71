import type { RunConfiguration, StepName, TrainingWarning } from '@plumbline/contracts';
import { readSeries, type Database } from '@plumbline/database';
import { trainingWarnings, WATCHED_METRICS } from '@plumbline/rlhf/warnings';
import type { StepProgress } from '@plumbline/training';

/** Looks at the curves of policy optimisation while they grow. A later attempt goes on with those of the earlier ones. */
export class WarningWatch {
  /** Metric → index → value. */
  private readonly curves = new Map<string, Map<number, number>>();
  private told = 0;

  constructor(private readonly settings: RunConfiguration['optimise']) {}

  /** A watch that has seen what the record has of the step's curves; null for a step that nothing is known to warn of. */
  static async over(
    database: Database,
    { runId, name, configuration }: { runId: string; name: StepName; configuration: RunConfiguration },
  ): Promise<WarningWatch | null> {
    if (name !== 'optimise') return null;
    const watch = new WarningWatch(configuration.optimise);
    for (const { name: metric, points } of await readSeries(database, { runId, step: name })) {
      for (const [index, value] of points) watch.see({ index, values: { [metric]: value } });
    }
    return watch;
  }

  /** @returns the warnings that these points give rise to */
  add(metrics: NonNullable<StepProgress['metrics']>): TrainingWarning[] {
    this.see(metrics);
    const all = trainingWarnings(this.seen(), this.settings);
    const fresh = all.slice(this.told);
    this.told = all.length;
    return fresh;
  }

  private see({ index, values }: NonNullable<StepProgress['metrics']>): void {
    for (const metric of WATCHED_METRICS) {
      const value = values[metric];
      if (value === undefined) continue;
      const curve = this.curves.get(metric) ?? new Map<number, number>();
      // An attempt that repeats iterations measures the same again.
      this.curves.set(metric, curve.set(index, value));
    }
  }

  private seen(): Record<string, [number, number][]> {
    return Object.fromEntries(
      [...this.curves].map(([metric, points]) => [metric, [...points].sort(([a], [b]) => a - b)]),
    );
  }
}
