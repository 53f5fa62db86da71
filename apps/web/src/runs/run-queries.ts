import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { api } from '../api/client.js';
import { isActive } from '../ui/status-badge.js';

const WATCH_MS = 2000;
const GLANCE_MS = 5000;

export const RUNS_KEY = ['runs'] as const;
export const runKey = (runId: string) => ['run', runId] as const;

/** The history, newest first, a page at a time; looked at again while anything in it moves. */
export function useRuns() {
  return useInfiniteQuery({
    queryKey: RUNS_KEY,
    queryFn: ({ pageParam }) => api.runs(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.items.some((run) => isActive(run.status))) === true
        ? WATCH_MS
        : GLANCE_MS,
  });
}

/** One run, renewed every two seconds until it is over. */
export function useRun(runId: string) {
  return useQuery({
    queryKey: runKey(runId),
    queryFn: () => api.run(runId),
    refetchInterval: ({ state }) =>
      state.data === undefined || isActive(state.data.status) ? WATCH_MS : false,
  });
}

export function useMetrics(runId: string, live: boolean) {
  return useQuery({
    // Ends differ: the last points arrive with or after the final status.
    queryKey: [...runKey(runId), 'metrics', live],
    queryFn: () => api.metrics(runId),
    placeholderData: keepPreviousData,
    refetchInterval: live ? WATCH_MS : false,
  });
}

export function useEvents(runId: string, live: boolean) {
  return useInfiniteQuery({
    queryKey: [...runKey(runId), 'events', live],
    queryFn: ({ pageParam }) => api.events(runId, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
    // All shown pages are read again: whoever has paged far back reads in peace.
    refetchInterval: ({ state }) => (live && (state.data?.pages.length ?? 0) <= 2 ? GLANCE_MS : false),
  });
}

export function usePresets(enabled: boolean) {
  return useQuery({ queryKey: ['presets'], queryFn: api.presets, enabled, staleTime: Infinity });
}
