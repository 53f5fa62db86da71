import { Skeleton, Text, Title } from '@mantine/core';
import type { Status } from '../api/types.js';
import { Failure } from '../ui/failure.js';
import { formatNumber } from '../ui/format.js';
import { isActive } from '../ui/status-badge.js';
import { type Chart, chartsOf } from './charts.js';
import { LineChart } from './line-chart.js';
import styles from './run-curves.module.css';
import { useMetrics } from './run-queries.js';
import { stepName } from './step-names.js';

/** Every metric that the steps report, as small charts of one size. */
export function RunCurves({ runId, status }: { runId: string; status: Status }) {
  const metrics = useMetrics(runId, isActive(status));
  if (metrics.isPending) return <Skeleton height={220} radius="lg" aria-label="Loading the curves" />;
  if (metrics.isError && metrics.data === undefined) {
    return (
      <Failure
        title="The curves could not be loaded"
        error={metrics.error}
        onRetry={() => void metrics.refetch()}
      />
    );
  }
  const charts = chartsOf(metrics.data ?? []);
  if (charts.length === 0) {
    return (
      <div className={styles.none}>
        <Text c="dimmed" size="sm">
          {isActive(status) ? 'Curves appear here with the first updates.' : 'This run reported no metrics.'}
        </Text>
      </div>
    );
  }
  const steps = [...new Set(charts.map((chart) => chart.step))];
  return (
    <div className={styles.steps}>
      {steps.map((step) => (
        <section key={step} aria-label={`Curves of ${stepName(step)}`}>
          <Title order={2} size="h4" mb="xs">
            {stepName(step)}
          </Title>
          <div className={styles.grid}>
            {charts
              .filter((chart) => chart.step === step)
              .map((chart) => (
                <ChartCard key={chart.key} chart={chart} />
              ))}
          </div>
        </section>
      ))}
    </div>
  );
}

function ChartCard({ chart }: { chart: Chart }) {
  return (
    <figure className={`panel ${styles.card}`}>
      <figcaption className={styles.caption} title={chart.about}>
        <span>
          {chart.title}
          {chart.unit !== '' && <span className={styles.unit}> {chart.unit}</span>}
        </span>
        <span className={styles.values}>
          {chart.lines.map((line, index) => (
            <span key={line.name} className="numeric" title={line.title}>
              {chart.lines.length > 1 && (
                <span
                  className={styles.swatch}
                  style={{ background: `var(--series-${index + 1})` }}
                  aria-hidden="true"
                />
              )}
              {chart.lines.length > 1 && <span className={styles.unit}>{shortTitle(line.title)} </span>}
              {formatNumber(line.points.at(-1)![1])}
            </span>
          ))}
        </span>
      </figcaption>
      <LineChart lines={chart.lines} label={describe(chart)} />
    </figure>
  );
}

function shortTitle(title: string): string {
  return title.startsWith('Held-out') ? 'held out' : 'training';
}

/** The curve in words, for whoever cannot see it. */
function describe(chart: Chart): string {
  const lines = chart.lines.map(({ title, points }) => {
    const values = points.map(([, value]) => value);
    return (
      `${title}: ${formatNumber(values[0]!)} at first, ${formatNumber(values.at(-1)!)} at last, ` +
      `between ${formatNumber(Math.min(...values))} and ${formatNumber(Math.max(...values))}, ${points.length} points`
    );
  });
  return `${stepName(chart.step)}. ${lines.join('. ')}.`;
}
