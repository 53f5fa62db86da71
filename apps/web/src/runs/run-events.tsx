import { Button, Skeleton } from '@mantine/core';
import type { RunDetail, RunEvent } from '../api/types.js';
import { Empty } from '../ui/empty.js';
import { Failure } from '../ui/failure.js';
import { Hash } from '../ui/hash.js';
import { isActive } from '../ui/status-badge.js';
import { Instant } from '../ui/time.js';
import styles from './run-events.module.css';
import { stepName } from './step-names.js';
import { useEvents } from './run-queries.js';

/** The record: who or what did what, when, in the order the server keeps. */
export function RunEvents({ run }: { run: RunDetail }) {
  const events = useEvents(run.runId, isActive(run.status));
  if (events.isPending) return <Skeleton height={240} radius="lg" aria-label="Loading the events" />;
  const items = events.data?.pages.flatMap((page) => page.items) ?? [];
  if (events.isError && items.length === 0) {
    return (
      <Failure
        title="The events could not be loaded"
        error={events.error}
        onRetry={() => void events.refetch()}
      />
    );
  }
  if (items.length === 0) return <Empty title="Nothing has happened yet" />;
  return (
    <>
      <div className={`panel ${styles.frame}`}>
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Who</th>
              <th scope="col">Did</th>
              <th scope="col">To what</th>
              <th scope="col">Payload</th>
            </tr>
          </thead>
          <tbody>
            {items.map((event) => (
              <EventRow key={event.id} event={event} run={run} />
            ))}
          </tbody>
        </table>
      </div>
      {events.hasNextPage && (
        <Button
          mt="md"
          variant="default"
          fullWidth
          loading={events.isFetchingNextPage}
          onClick={() => void events.fetchNextPage()}
        >
          Show more events
        </Button>
      )}
    </>
  );
}

function EventRow({ event, run }: { event: RunEvent; run: RunDetail }) {
  return (
    <tr>
      <td className={styles.when}>
        <Instant at={event.at} seconds />
      </td>
      <td className={styles.who}>
        {event.actor.name}
        {event.actor.kind === 'labeler' && <span className={styles.kind}> labeler</span>}
      </td>
      <td className={styles.action}>{event.action}</td>
      <td className={styles.what}>{subjectOf(event, run)}</td>
      <td className={styles.payload}>
        {Object.keys(event.payload).length > 0 && (
          <details>
            <summary>{JSON.stringify(event.payload)}</summary>
            <pre tabIndex={0}>{JSON.stringify(event.payload, null, 2)}</pre>
          </details>
        )}
      </td>
    </tr>
  );
}

/** The thing by its name where the run knows it, by its kind otherwise. */
function subjectOf({ subject }: RunEvent, run: RunDetail) {
  const step = run.steps.find(({ stepId }) => stepId === subject.id);
  if (step !== undefined) return stepName(step.name);
  if (subject.type === 'run') return 'This run';
  return (
    <>
      {subject.type} <Hash value={subject.id} of={`${subject.type} id`} />
    </>
  );
}
