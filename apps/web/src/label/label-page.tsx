import { Button, Drawer, Skeleton, VisuallyHidden } from '@mantine/core';
import { useDisclosure, useLocalStorage, useMediaQuery } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import type { LabelingProgress } from '../api/types.js';
import { useDocumentTitle } from '../ui/document-title.js';
import { Empty } from '../ui/empty.js';
import { Failure } from '../ui/failure.js';
import { notify } from '../ui/notify.js';
import { nameOf } from './choice.js';
import { DecisionBar } from './decision-bar.js';
import { Guideline } from './guideline.js';
import styles from './label-page.module.css';
import { LabelHeader } from './label-header.js';
import type { LabelingNotice } from './labeling-session.js';
import { RetryBanner } from './retry-banner.js';
import { ShortcutHelp } from './shortcut-help.js';
import { TaskView } from './task-view.js';
import { useLabeling } from './use-labeling.js';
import { useShortcuts } from './use-shortcuts.js';

/** Where labelers work: one comparison at a time, by mouse or by keys. */
export function LabelPage() {
  useDocumentTitle('Label');
  const [announcement, setAnnouncement] = useState('');
  const { state, session } = useLabeling((notice) => {
    setAnnouncement(announce(notice));
  });
  const [help, helpControl] = useDisclosure(false);
  const wide = useMediaQuery('(min-width: 75em)', true, { getInitialValueInEffect: false });
  const [pinned, setPinned] = useLocalStorage({ key: 'plumbline.guideline', defaultValue: true });
  const [drawer, drawerControl] = useDisclosure(false);
  const toggleGuideline = () => (wide ? setPinned(!pinned) : drawerControl.toggle());

  const task = state.phase === 'judging' || state.phase === 'submitting' ? state.task : null;
  useShortcuts({
    enabled: !help && !drawer,
    onChoice: (choice) => session.decide(choice),
    onHelp: helpControl.open,
    onGuideline: toggleGuideline,
  });

  return (
    <div className={styles.page}>
      <LabelHeader
        runName={task?.runName ?? null}
        progress={state.progress}
        onHelp={helpControl.open}
        guideline={task === null ? null : { shown: wide ? pinned : drawer, toggle: toggleGuideline }}
      />
      <div className={styles.body} data-guideline={(task !== null && wide && pinned) || undefined}>
        <div className={styles.work}>
          {state.phase === 'loading' && <TaskSkeleton />}
          {state.phase === 'idle' && <NothingToJudge progress={state.progress} />}
          {state.phase === 'unreachable' && (
            <div className={styles.centered}>
              <Failure
                title="The next comparison could not be loaded"
                error={state.error}
                onRetry={() => session.retryNow()}
              />
            </div>
          )}
          {task !== null && (
            <>
              <TaskView
                key={task.slotId}
                task={task}
                choice={state.phase === 'submitting' ? state.choice : null}
              />
              {state.phase === 'submitting' && state.retryAt !== null && (
                <RetryBanner
                  choice={state.choice}
                  retryAt={state.retryAt}
                  onRetry={() => session.retryNow()}
                />
              )}
              <DecisionBar
                count={task.responses.length}
                choice={state.phase === 'submitting' ? state.choice : null}
                onChoice={(choice) => session.decide(choice)}
              />
            </>
          )}
        </div>
        {task !== null && wide && pinned && (
          <aside className={styles.aside} aria-label="Guideline">
            <Guideline guideline={task.guideline} />
          </aside>
        )}
      </div>
      {task !== null && (
        <Drawer
          opened={!wide && drawer}
          onClose={drawerControl.close}
          position="right"
          title="Guideline"
          size="sm"
        >
          <Guideline guideline={task.guideline} headed={false} />
          <Button mt="xl" fullWidth variant="default" onClick={drawerControl.close}>
            Back to the comparison
          </Button>
        </Drawer>
      )}
      <ShortcutHelp opened={help} onClose={helpControl.close} />
      <VisuallyHidden aria-live="polite">{announcement}</VisuallyHidden>
    </div>
  );
}

/** Tells people what they need to know, and returns what a screen reader says. */
function announce(notice: LabelingNotice): string {
  switch (notice.kind) {
    case 'stored':
      return `${nameOf(notice.choice)}. Stored.`;
    case 'lost':
      notify(
        'It had been with you for too long and went to somebody else, so your answer was not stored. Here is another.',
        'That comparison is no longer yours',
      );
      return '';
    case 'refused':
      notifications.show({
        color: 'red',
        title: 'That answer was not stored',
        message: notice.reason,
        autoClose: 10_000,
      });
      return '';
  }
}

function NothingToJudge({ progress }: { progress: LabelingProgress | null }) {
  return (
    <div className={styles.centered}>
      <Empty title="Nothing to judge right now">
        {progress !== null && progress.judgedByMe > 0 && (
          <>
            You have judged <span className="numeric">{progress.judgedByMe.toLocaleString('en')}</span>. Thank
            you.{' '}
          </>
        )}
        The next comparison appears here by itself.
      </Empty>
    </div>
  );
}

function TaskSkeleton() {
  return (
    <div className={styles.skeleton} aria-label="Loading the next comparison" role="status">
      <Skeleton height={120} radius="lg" />
      <div className={styles.skeletonPair}>
        <Skeleton height={240} radius="lg" />
        <Skeleton height={240} radius="lg" />
      </div>
    </div>
  );
}
