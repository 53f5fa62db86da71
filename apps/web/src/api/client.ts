import { createApiClient } from '@plumbline/api-client';
import { ApiError, NetworkError } from './problem.js';
import type { Judged, Judgement, NextTask, Preset, Series, Session, Status } from './types.js';

/** Proof that a write comes from this page; the API hands it out with the session. */
let csrfToken: string | null = null;
export function rememberCsrfToken(token: string): void {
  csrfToken = token;
}

const client = createApiClient({ baseUrl: '', csrfToken: () => csrfToken });

interface Answer<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

/**
 * The answer's content.
 *
 * @throws ApiError when the API refuses or fails; NetworkError when no answer comes
 */
async function answerOf<T>(ask: () => Promise<Answer<T>>, renewed = false): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await ask();
  } catch (error) {
    throw new NetworkError(error);
  }
  if (answer.response.ok) return answer.data as T;
  const error = ApiError.from(answer.response.status, answer.error);
  if (error.type === 'urn:plumbline:csrf' && !renewed) {
    // Another tab signed out and in again: the session is good, the token is of the one before.
    rememberCsrfToken((await api.session()).csrfToken);
    return answerOf(ask, true);
  }
  throw error;
}

export type RunAction = 'pause' | 'resume' | 'cancel';

export interface StartRun {
  readonly preset: string;
  readonly overrides: readonly { readonly path: string; readonly value: unknown }[];
}

export const api = {
  session: (): Promise<Session> => answerOf(() => client.GET('/api/v1/auth/session')),
  signIn: (email: string, password: string): Promise<Session> =>
    answerOf(() => client.POST('/api/v1/auth/login', { body: { email, password } })),
  signOut: async (): Promise<void> => {
    await answerOf(() => client.POST('/api/v1/auth/logout'));
  },

  nextTask: (): Promise<NextTask> => answerOf(() => client.POST('/api/v1/labeling/tasks/next', { body: {} })),
  judge: (slotId: string, idempotencyKey: string, body: Judgement): Promise<Judged> =>
    answerOf(() =>
      client.POST('/api/v1/labeling/slots/{slotId}/judgement', {
        params: { path: { slotId }, header: { 'Idempotency-Key': idempotencyKey } },
        body,
      }),
    ),
  skip: (slotId: string, idempotencyKey: string): Promise<Judged> =>
    answerOf(() =>
      client.POST('/api/v1/labeling/slots/{slotId}/skip', {
        params: { path: { slotId }, header: { 'Idempotency-Key': idempotencyKey } },
        body: {},
      }),
    ),

  runs: (cursor?: string) =>
    answerOf(() => client.GET('/api/v1/runs', { params: { query: { cursor, limit: 25 } } })),
  run: (id: string) => answerOf(() => client.GET('/api/v1/runs/{id}', { params: { path: { id } } })),
  metrics: async (id: string): Promise<Series[]> => {
    const { series } = await answerOf(() =>
      client.GET('/api/v1/runs/{id}/metrics', { params: { path: { id } } }),
    );
    // The client's types forget that points are pairs.
    return series as Series[];
  },
  events: (id: string, cursor?: string) =>
    answerOf(() =>
      client.GET('/api/v1/runs/{id}/events', { params: { path: { id }, query: { cursor, limit: 200 } } }),
    ),
  presets: (): Promise<Preset[]> => answerOf(() => client.GET('/api/v1/presets')),
  startRun: ({ preset, overrides }: StartRun) =>
    answerOf(() => client.POST('/api/v1/runs', { body: { preset, overrides: [...overrides] } })),
  changeRun: (id: string, action: RunAction): Promise<{ status: Status }> =>
    answerOf(() => client.POST(`/api/v1/runs/{id}/${action}`, { params: { path: { id } } })),
};

/** Addresses that the browser itself opens: links, downloads and the report's frame. */
export const addresses = {
  artifact: (artifactId: string) => `/api/v1/artifacts/${artifactId}/content`,
  report: (runId: string) => `/api/v1/runs/${runId}/report.html`,
  reportJson: (runId: string) => `/api/v1/runs/${runId}/report.json`,
  history: (runId: string) => `/api/v1/runs/${runId}/history`,
};
