import { Text } from '@mantine/core';
import { Link } from 'react-router';
import type { RunSummary } from '../api/types.js';
import { StatusBadge } from '../ui/status-badge.js';
import { Duration, Instant } from '../ui/time.js';
import styles from './run-list.module.css';
import { stepName } from './step-names.js';
import { StepProgress } from './step-progress.js';

/** A table where there is room, cards where there is not. */
export function RunList({ runs }: { runs: readonly RunSummary[] }) {
  return (
    <div className={`panel ${styles.frame}`}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">Status</th>
            <th scope="col">Step</th>
            <th scope="col">Started by</th>
            <th scope="col">When</th>
            <th scope="col" className={styles.right}>
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.runId}>
              <th scope="row" className={styles.name}>
                <Link to={`/runs/${run.runId}`} className={styles.link}>
                  {run.name}
                </Link>
                {run.preset !== null && (
                  <Text size="xs" c="dimmed" fw={400}>
                    preset {run.preset}
                  </Text>
                )}
              </th>
              <td className={styles.status}>
                <StatusBadge status={run.status} />
              </td>
              <td className={styles.step}>
                <CurrentStep run={run} />
              </td>
              <td className={styles.person}>{run.startedBy}</td>
              <td className={styles.when}>
                <Instant at={run.startedAt ?? run.createdAt} />
              </td>
              <td className={styles.right}>
                {run.startedAt === null ? '–' : <Duration from={run.startedAt} to={run.finishedAt} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function CurrentStep({ run }: { run: RunSummary }) {
  if (run.status === 'completed')
    return (
      <Text size="sm" c="dimmed">
        All steps done
      </Text>
    );
  if (run.currentStep === null)
    return (
      <Text size="sm" c="dimmed">
        Not begun
      </Text>
    );
  return (
    <>
      <Text size="sm">{stepName(run.currentStep)}</Text>
      {run.progress !== null && <StepProgress progress={run.progress} status={run.status} size="xs" />}
    </>
  );
}
