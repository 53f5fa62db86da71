import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { api } from '../api/client.js';
import { SESSION_KEY, useUser } from '../session/session.js';
import { LabelingSession, type LabelingNotice, type LabelingState } from './labeling-session.js';
import { localPendingDecisions } from './pending-decision.js';

/** The labeling session of the page, running while the page is shown. */
export function useLabeling(onNotice: (notice: LabelingNotice) => void): {
  state: LabelingState;
  session: LabelingSession;
} {
  const queryClient = useQueryClient();
  const { id } = useUser();
  const [session] = useState(
    () =>
      new LabelingSession({
        api: { ...api, nextTask: () => api.nextTask() },
        pending: localPendingDecisions(id),
        onNotice,
        onSignedOut: () => queryClient.setQueryData(SESSION_KEY, null),
      }),
  );
  useEffect(() => {
    const onVisibility = () => session.setVisible(document.visibilityState === 'visible');
    const onOnline = () => session.retryNow();
    document.addEventListener('visibilitychange', onVisibility);
    window.addEventListener('online', onOnline);
    session.start();
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      window.removeEventListener('online', onOnline);
      session.stop();
    };
  }, [session]);
  return { state: useSyncExternalStore(session.subscribe, session.getState), session };
}
