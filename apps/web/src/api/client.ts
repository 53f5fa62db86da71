import { ApiError, NetworkError } from './problem.js';
import type {
  EventPage,
  Judged,
  Judgement,
  NextTask,
  Preset,
  RunDetail,
  RunPage,
  Series,
  Session,
  StartRun,
  Status,
} from './types.js';

const BASE = '/api/v1';

/** Proof that a write comes from this page; the API hands it out with the session. */
let csrfToken = '';
export function rememberCsrfToken(token: string): void {
  csrfToken = token;
}

async function request<T>(
  method: 'GET' | 'POST',
  path: string,
  options: {
    body?: unknown;
    headers?: Record<string, string>;
    query?: Record<string, string | undefined>;
    renewed?: boolean;
  } = {},
): Promise<T> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {}))
    if (value !== undefined) query.set(name, value);
  const headers: Record<string, string> = { accept: 'application/json', ...options.headers };
  if (method !== 'GET') headers['x-csrf-token'] = csrfToken;
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(`${BASE}${path}${query.size > 0 ? `?${query.toString()}` : ''}`, {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      credentials: 'same-origin',
    });
  } catch (error) {
    throw new NetworkError(error);
  }
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  let body: unknown;
  try {
    body = text === '' ? undefined : JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (response.ok) return body as T;
  const error = ApiError.from(response.status, body);
  if (error.type === 'urn:plumbline:csrf' && options.renewed !== true) {
    // Another tab signed out and in again: the session is good, the token is of the one before.
    rememberCsrfToken((await api.session()).csrfToken);
    return request(method, path, { ...options, renewed: true });
  }
  throw error;
}

const id = encodeURIComponent;

export const api = {
  session: () => request<Session>('GET', '/auth/session'),
  signIn: (email: string, password: string) =>
    request<Session>('POST', '/auth/login', { body: { email, password } }),
  signOut: () => request<void>('POST', '/auth/logout'),

  nextTask: (runId?: string) => request<NextTask>('POST', '/labeling/tasks/next', { body: { runId } }),
  judge: (slotId: string, key: string, body: Judgement) =>
    request<Judged>('POST', `/labeling/slots/${id(slotId)}/judgement`, {
      body,
      headers: { 'idempotency-key': key },
    }),
  skip: (slotId: string, key: string) =>
    request<Judged>('POST', `/labeling/slots/${id(slotId)}/skip`, {
      body: {},
      headers: { 'idempotency-key': key },
    }),

  runs: (cursor?: string) => request<RunPage>('GET', '/runs', { query: { cursor, limit: '25' } }),
  run: (runId: string) => request<RunDetail>('GET', `/runs/${id(runId)}`),
  metrics: (runId: string) => request<{ series: Series[] }>('GET', `/runs/${id(runId)}/metrics`),
  events: (runId: string, cursor?: string) =>
    request<EventPage>('GET', `/runs/${id(runId)}/events`, { query: { cursor } }),
  presets: () => request<Preset[]>('GET', '/presets'),
  startRun: (body: StartRun) => request<{ runId: string }>('POST', '/runs', { body }),
  changeRun: (runId: string, action: RunAction) =>
    request<{ status: Status }>('POST', `/runs/${id(runId)}/${action}`),
};

export type RunAction = 'pause' | 'resume' | 'cancel';

/** Addresses that the browser itself opens: links, downloads and the report's frame. */
export const addresses = {
  artifact: (artifactId: string) => `${BASE}/artifacts/${id(artifactId)}/content`,
  report: (runId: string) => `${BASE}/runs/${id(runId)}/report.html`,
  reportJson: (runId: string) => `${BASE}/runs/${id(runId)}/report.json`,
  history: (runId: string) => `${BASE}/runs/${id(runId)}/history`,
};
