import { Anchor, Skeleton, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
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
        <StepCurves key={step} step={step} charts={charts.filter((chart) => chart.step === step)} />
      ))}
    </div>
  );
}

/** A step's curves; diagnostics wait behind a button. */
function StepCurves({ step, charts }: { step: string; charts: readonly Chart[] }) {
  const [all, { toggle }] = useDisclosure(false);
  const main = charts.filter((chart) => chart.main);
  const shown = all || main.length === 0 ? charts : main;
  return (
    <section aria-label={`Curves of ${stepName(step)}`}>
      <div className={styles.title}>
        <Title order={2} size="h4">
          {stepName(step)}
        </Title>
        {main.length > 0 && main.length < charts.length && (
          <Anchor component="button" type="button" size="sm" onClick={toggle} aria-expanded={all}>
            {all ? 'Fewer curves' : `${charts.length - main.length} more`}
          </Anchor>
        )}
      </div>
      <div className={styles.grid}>
        {shown.map((chart) => (
          <ChartCard key={chart.key} chart={chart} />
        ))}
      </div>
    </section>
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
              {chart.lines.length > 1 && <span className={styles.unit}>{line.title} </span>}
              {formatNumber(line.points.at(-1)![1])}
            </span>
          ))}
        </span>
      </figcaption>
      <LineChart lines={chart.lines} label={describe(chart)} />
    </figure>
  );
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
  return `${chart.title} of ${stepName(chart.step)}. ${lines.join('. ')}.`;
}
