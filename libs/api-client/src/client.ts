import createClient, { type Client, type Middleware } from 'openapi-fetch';
import type { components, paths } from './schema.js';

export type Schemas = components['schemas'];
export type Problem = Schemas['Problem'];

export interface ApiClientOptions {
  /** Scheme, host and port of the API; '' in a browser, for the page's own. */
  readonly baseUrl: string;
  /** Bearer token of a program; browsers have their session's cookie. */
  readonly token?: string;
  /** The session's CSRF token, asked for at each write of a browser. */
  readonly csrfToken?: () => string | null;
  /** Default: the global fetch. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

/** Every route of the API, typed: `client.GET('/api/v1/runs/{id}', { params: { path: { id } } })`. */
export type ApiClient = Client<paths>;

/** Works in browsers and in Node. Answers are `{ data }` or `{ error }`, a problem document; it throws on no answer. */
export function createApiClient({ baseUrl, token, csrfToken, fetch }: ApiClientOptions): ApiClient {
  const client = createClient<paths>({
    baseUrl: baseUrl.replace(/\/$/, ''),
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    ...(fetch === undefined ? {} : { fetch }),
  });
  if (csrfToken !== undefined) client.use(csrfProtection(csrfToken));
  return client;
}

function csrfProtection(csrfToken: () => string | null): Middleware {
  return {
    onRequest: ({ request }) => {
      const token = csrfToken();
      if (request.method !== 'GET' && token !== null) request.headers.set('X-CSRF-Token', token);
      return request;
    },
  };
}
