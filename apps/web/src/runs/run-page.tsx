import { Anchor, Breadcrumbs, Skeleton, Tabs, Text, Title } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { ApiError } from '../api/problem.js';
import type { RunDetail } from '../api/types.js';
import { NotFoundPage } from '../app/not-found-page.js';
import { mayChangeRuns } from '../session/roles.js';
import { useUser } from '../session/session.js';
import { useDocumentTitle } from '../ui/document-title.js';
import { Failure } from '../ui/failure.js';
import { Hash } from '../ui/hash.js';
import { Notice } from '../ui/notice.js';
import { Page } from '../ui/page.js';
import { StatusBadge } from '../ui/status-badge.js';
import { Duration, Instant } from '../ui/time.js';
import { CollectionBanner } from './collection-banner.js';
import { RunActions } from './run-actions.js';
import { RunConfiguration } from './run-configuration.js';
import { RunEvents } from './run-events.js';
import styles from './run-page.module.css';
import { useRun } from './run-queries.js';
import { RunReport } from './run-report.js';
import { StepTimeline } from './step-timeline.js';
import { WarningsBanner } from './warnings-banner.js';

// The charts bring a library of half a megabyte: loaded when they are looked at.
const RunCurves = lazy(async () => ({ default: (await import('./run-curves.js')).RunCurves }));

const TABS = ['steps', 'events', 'configuration', 'report'] as const;
type Tab = (typeof TABS)[number];

/** One run: what it does now, what it did, with what, and what came out. */
export function RunPage() {
  const { runId = '', tab } = useParams();
  const run = useRun(runId);
  useDocumentTitle(run.data?.name ?? 'Run');
  if (tab !== undefined && !isTab(tab)) return <NotFoundPage />;
  return (
    <Page>
      <Breadcrumbs mb="xs" separatorMargin={8} fz="sm">
        <Anchor component={Link} to="/runs" size="sm">
          Runs
        </Anchor>
        <Text size="sm" c="dimmed" truncate maw="60vw">
          {run.data?.name ?? 'Run'}
        </Text>
      </Breadcrumbs>
      {run.isPending && <Loading />}
      {run.isError && run.data === undefined && (
        <Failure
          title={
            run.error instanceof ApiError && run.error.status === 404
              ? 'There is no such run'
              : 'The run could not be loaded'
          }
          error={run.error}
          onRetry={() => void run.refetch()}
        />
      )}
      {run.data !== undefined && <Run run={run.data} tab={tab ?? 'steps'} stale={run.isError} />}
    </Page>
  );
}

function Run({ run, tab, stale }: { run: RunDetail; tab: Tab; stale: boolean }) {
  const navigate = useNavigate();
  const mayChange = mayChangeRuns(useUser().role);
  const open = (value: string | null) =>
    void navigate(`/runs/${run.runId}${value === 'steps' || value === null ? '' : `/${value}`}`, {
      replace: true,
    });
  return (
    <>
      <header className={styles.header}>
        <div className={styles.headline}>
          <div className={styles.nameLine}>
            <Title order={1} style={{ overflowWrap: 'anywhere' }}>
              {run.name}
            </Title>
            <StatusBadge status={run.status} full />
          </div>
          <RunFacts run={run} />
        </div>
        {mayChange && <RunActions run={run} />}
      </header>
      {stale && (
        <Text size="sm" c="dimmed" mb="md" role="status">
          The server cannot be reached: this is what was last known.
        </Text>
      )}
      <div className={styles.notices}>
        {run.error !== null && run.error !== '' && (
          <Notice
            tone={run.status === 'failed' ? 'negative' : 'quiet'}
            title={run.status === 'failed' ? 'The run failed' : 'Why it stopped'}
          >
            {run.error}
          </Notice>
        )}
        <CollectionBanner run={run} />
        <WarningsBanner run={run} />
      </div>
      <Tabs
        value={tab}
        onChange={open}
        keepMounted={false}
        classNames={{ list: styles.tabs, tab: styles.tab }}
      >
        <Tabs.List aria-label="Parts of the run">
          <Tabs.Tab value="steps">Steps</Tabs.Tab>
          <Tabs.Tab value="events">Events</Tabs.Tab>
          <Tabs.Tab value="configuration">Configuration</Tabs.Tab>
          <Tabs.Tab value="report">Report</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="steps">
          <div className={styles.columns}>
            <section aria-label="Steps">
              <StepTimeline run={run} />
            </section>
            <section aria-label="Curves" className={styles.curves}>
              <Suspense fallback={<Skeleton height={220} radius="lg" />}>
                <RunCurves runId={run.runId} status={run.status} />
              </Suspense>
            </section>
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="events">
          <RunEvents run={run} />
        </Tabs.Panel>
        <Tabs.Panel value="configuration">
          <RunConfiguration run={run} />
        </Tabs.Panel>
        <Tabs.Panel value="report">
          <RunReport run={run} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function RunFacts({ run }: { run: RunDetail }) {
  return (
    <dl className={styles.facts}>
      <div>
        <dt>Started by</dt>
        <dd>{run.startedBy}</dd>
      </div>
      <div>
        <dt>When</dt>
        <dd>
          <Instant at={run.startedAt ?? run.createdAt} />
        </dd>
      </div>
      {run.startedAt !== null && (
        <div>
          <dt>{run.finishedAt === null ? 'For' : 'Took'}</dt>
          <dd>
            <Duration from={run.startedAt} to={run.finishedAt} />
          </dd>
        </div>
      )}
      {run.preset !== null && (
        <div>
          <dt>Preset</dt>
          <dd>{run.preset}</dd>
        </div>
      )}
      {run.forkedFrom !== null && (
        <div>
          <dt>Forked from</dt>
          <dd>
            <Anchor component={Link} to={`/runs/${run.forkedFrom}`} size="sm">
              {run.forkedFrom.slice(0, 8)}
            </Anchor>
          </dd>
        </div>
      )}
      <div>
        <dt>Run</dt>
        <dd>
          <Hash value={run.runId} of="run id" />
        </dd>
      </div>
    </dl>
  );
}

function Loading() {
  return (
    <div role="status" aria-label="Loading the run">
      <Skeleton height={34} width={280} mb="sm" />
      <Skeleton height={18} width={420} maw="100%" mb="xl" />
      <Skeleton height={360} radius="lg" />
    </div>
  );
}

function isTab(value: string): value is Tab {
  return (TABS as readonly string[]).includes(value);
}
