import { Text, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useId } from 'react';
import type { RunDetail, Step } from '../api/types.js';
import { formatNumber } from '../ui/format.js';
import { Hash } from '../ui/hash.js';
import { ChevronIcon } from '../ui/icons.js';
import { Notice } from '../ui/notice.js';
import { STATUS_NAMES, StatusMark } from '../ui/status-badge.js';
import { Duration, Instant } from '../ui/time.js';
import { metricOf, metricRank } from './metric-catalogue.js';
import { stepName, stepPurpose, stepsAhead } from './step-names.js';
import { StepProgress } from './step-progress.js';
import styles from './step-timeline.module.css';

/** The steps along a plumb line, in the order of the pipeline. */
export function StepTimeline({ run }: { run: RunDetail }) {
  const ahead = stepsAhead(run);
  if (run.steps.length + ahead.length === 0) {
    return (
      <Text c="dimmed" size="sm">
        No step has begun yet.
      </Text>
    );
  }
  return (
    <ol className={styles.line}>
      {run.steps.map((step) => (
        <StepItem key={step.stepId} step={step} />
      ))}
      {ahead.map((step) => (
        <li key={step} className={styles.step} data-status="queued">
          <span className={styles.node}>
            <StatusMark status="queued" size={22} />
          </span>
          <div>
            <Text fw={600} c="dimmed">
              {stepName(step)}
            </Text>
            <Text size="sm" c="dimmed">
              {stepPurpose(step)}
            </Text>
          </div>
        </li>
      ))}
    </ol>
  );
}

function StepItem({ step }: { step: Step }) {
  const [opened, { toggle }] = useDisclosure(false);
  const detailsId = useId();
  const metrics = Object.entries(step.metrics);
  const hasDetails = step.checkpoints.length > 0 || metrics.length > 0;
  const moving = step.status === 'running' || step.status === 'waiting' || step.status === 'paused';
  return (
    <li className={styles.step} data-status={step.status}>
      <span className={styles.node}>
        <StatusMark status={step.status} size={22} />
      </span>
      <div className={styles.content}>
        <div className={styles.headline}>
          <Text fw={600}>{stepName(step.name)}</Text>
          <Text size="sm" c="dimmed" className={styles.times}>
            {step.startedAt === null ? (
              STATUS_NAMES[step.status]
            ) : (
              <>
                {step.status !== 'completed' && `${STATUS_NAMES[step.status]} · `}
                <Instant at={step.startedAt} /> · <Duration from={step.startedAt} to={step.finishedAt} />
              </>
            )}
          </Text>
        </div>
        <Text size="sm" c="dimmed">
          {stepPurpose(step.name)}
        </Text>
        {moving && step.collection !== null ? (
          <div className={styles.progress}>
            <StepProgress
              status={step.status}
              progress={{
                phase: 'judgements',
                done: step.collection.judged,
                total: step.collection.required,
                unit: '',
              }}
            />
          </div>
        ) : (
          moving &&
          step.progress !== null && (
            <div className={styles.progress}>
              <StepProgress status={step.status} progress={step.progress} />
            </div>
          )
        )}
        {step.error !== null && step.error !== '' && (
          <div className={styles.progress}>
            <Notice tone={step.status === 'failed' ? 'negative' : 'quiet'}>{step.error}</Notice>
          </div>
        )}
        <Artifacts title="In" artifacts={step.inputs} />
        <Artifacts title="Out" artifacts={step.outputs} />
        {hasDetails && (
          <>
            <UnstyledButton
              className={styles.more}
              onClick={toggle}
              aria-expanded={opened}
              aria-controls={detailsId}
            >
              <span className={styles.chevron} data-opened={opened || undefined}>
                <ChevronIcon size={12} />
              </span>
              {step.checkpoints.length === 0
                ? 'Last values'
                : `${step.checkpoints.length} ${step.checkpoints.length === 1 ? 'checkpoint' : 'checkpoints'}`}
              {step.checkpoints.length > 0 && metrics.length > 0 && ', last values'}
            </UnstyledButton>
            {opened && <Details id={detailsId} step={step} />}
          </>
        )}
      </div>
    </li>
  );
}

function Artifacts({ title, artifacts }: { title: string; artifacts: Readonly<Record<string, string>> }) {
  const entries = Object.entries(artifacts);
  if (entries.length === 0) return null;
  return (
    <dl className={styles.artifacts}>
      <dt>{title}</dt>
      <dd>
        {entries.map(([name, artifactId]) => (
          <span key={name} className={styles.artifact}>
            <span className={styles.artifactName}>{name}</span>
            <Hash value={artifactId} of={name} artifact />
          </span>
        ))}
      </dd>
    </dl>
  );
}

function Details({ id, step }: { id: string; step: Step }) {
  const metrics = Object.entries(step.metrics).sort(([a], [b]) => metricRank(a) - metricRank(b));
  return (
    <div id={id} className={styles.details}>
      {metrics.length > 0 && (
        <dl className={styles.metrics}>
          {metrics.map(([name, value]) => {
            const metric = metricOf(name);
            return (
              <div key={name}>
                <dt>{metric.title}</dt>
                <dd className="numeric">
                  {formatNumber(value)}
                  {metric.unit !== '' && <span className={styles.unit}> {metric.unit}</span>}
                </dd>
              </div>
            );
          })}
        </dl>
      )}
      {step.checkpoints.length > 0 && (
        <table className={styles.checkpoints}>
          <thead>
            <tr>
              <th scope="col">After</th>
              <th scope="col">Checkpoint</th>
              <th scope="col">When</th>
            </tr>
          </thead>
          <tbody>
            {[...step.checkpoints]
              .sort((a, b) => b.index - a.index)
              .map((checkpoint) => (
                <tr key={checkpoint.id}>
                  <td className="numeric">{formatNumber(checkpoint.index)}</td>
                  <td>
                    <Hash value={checkpoint.id} of="checkpoint" artifact />
                  </td>
                  <td>
                    <Instant at={checkpoint.createdAt} />
                  </td>
                </tr>
              ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
