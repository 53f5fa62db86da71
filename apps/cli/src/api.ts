import { setTimeout as sleep } from 'node:timers/promises';
import { createApiClient, type ApiClient, type Problem, type Schemas } from '@plumbline/api-client';
import type { ConfigurationOverride, Environment } from '@plumbline/config';
import type { RunConfiguration, Status, StepName } from '@plumbline/contracts';
import { readSecrets, runningApiUrl, secretsFile } from '@plumbline/services';
import { CommandError, FAILED, WRONG_USE } from './command-error.js';

export type RunSummary = Schemas['RunSummaryDto'];
export type StepDetail = Schemas['StepDto'];
/** The API passes the configuration on as it was validated. */
export type RunDetail = Omit<Schemas['RunDetailDto'], 'configuration'> & {
  readonly configuration: RunConfiguration;
};

export interface NewRun {
  readonly preset?: string;
  readonly configuration?: RunConfiguration;
  readonly overrides?: readonly ConfigurationOverride[];
}

const ANSWER_WITHIN_MS = 60_000;

/** The API could not be reached; it may be starting again. */
export class Unreachable extends CommandError {
  constructor(message: string, options?: ErrorOptions) {
    super(FAILED, message, options);
    this.name = 'Unreachable';
  }
}

/** The public API as the command line uses it: what it answers, or a CommandError that says what is wrong. */
export class Api {
  readonly #client: ApiClient;

  private constructor(
    readonly url: string,
    readonly token: string,
  ) {
    this.#client = createApiClient({
      baseUrl: url,
      token,
      fetch: (request) => fetch(request, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }),
    });
  }

  /** The API that the environment names, else the one that runs for this home. */
  static async connect(settings: Environment): Promise<Api> {
    const url = settings.apiUrl ?? (await runningApiUrl(settings.home));
    if (url === null)
      throw new Unreachable('the services are not running; start them with `npx plumbline up`');
    const token = settings.token ?? readSecrets(settings.home).researcherToken;
    if (token === undefined)
      throw new CommandError(
        FAILED,
        `there is no researcher token in ${secretsFile(settings.home)}; \`npx plumbline up\` makes one, or set PLUMBLINE_TOKEN`,
      );
    return new Api(url, token);
  }

  listRuns(cursor: string | null, limit: number): Promise<Schemas['RunPageDto']> {
    const query = { limit, ...(cursor === null ? {} : { cursor }) };
    return this.#answer(this.#client.GET('/api/v1/runs', { params: { query } }));
  }

  startRun(run: NewRun): Promise<Schemas['RunIdDto']> {
    const body = { ...run, ...(run.overrides ? { overrides: asBody(run.overrides) } : {}) };
    return this.#answer(this.#client.POST('/api/v1/runs', { body: body as Schemas['StartRunDto'] }));
  }

  async run(id: string): Promise<RunDetail> {
    const run = await this.#answer(this.#client.GET('/api/v1/runs/{id}', { params: { path: { id } } }));
    return run as unknown as RunDetail;
  }

  changeRun(id: string, change: 'pause' | 'resume' | 'cancel'): Promise<{ status: Status }> {
    return this.#answer(this.#client.POST(`/api/v1/runs/{id}/${change}`, { params: { path: { id } } }));
  }

  forkRun(
    id: string,
    fork: { readonly from: StepName; readonly overrides: readonly ConfigurationOverride[] },
  ): Promise<Schemas['RunIdDto']> {
    return this.#answer(
      this.#client.POST('/api/v1/runs/{id}/fork', {
        params: { path: { id } },
        body: { from: fork.from, overrides: asBody(fork.overrides) },
      }),
    );
  }

  async report(id: string, format: 'json' | 'html'): Promise<Uint8Array> {
    const path = { id };
    const bytes = await this.#answer<ArrayBuffer>(
      this.#client.GET(`/api/v1/runs/{id}/report.${format}`, { params: { path }, parseAs: 'arrayBuffer' }),
    );
    return new Uint8Array(bytes);
  }

  async #answer<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
    let answer: { data?: T; error?: unknown; response: Response };
    try {
      answer = await asked;
    } catch (cause) {
      throw new Unreachable(`the API at ${this.url} does not answer; see \`npx plumbline status\``, {
        cause,
      });
    }
    if (!answer.response.ok || answer.data === undefined) throw refusal(answer.response, answer.error);
    return answer.data;
  }
}

/** The description of the API knows no way to say "any JSON value". */
function asBody(overrides: readonly ConfigurationOverride[]): Schemas['OverrideDto'][] {
  return overrides as unknown as Schemas['OverrideDto'][];
}

/** What a refusal of the API means here. */
export function refusal(response: Pick<Response, 'status' | 'statusText'>, body: unknown): CommandError {
  const problem: Partial<Problem> = typeof body === 'object' && body !== null ? body : {};
  const { status } = response;
  const reason = problem.detail ?? problem.title ?? (response.statusText || `status ${String(status)}`);
  if (status === 502 || status === 503) return new Unreachable(`the API is not ready: ${reason}`);
  if (status === 401) return new CommandError(FAILED, `the API does not accept the token: ${reason}`);
  if (status === 400 || status === 404 || status === 422) {
    const lines = (problem.errors ?? []).map(({ path, message }) => (path ? `${path}: ${message}` : message));
    return new CommandError(WRONG_USE, lines.length > 0 ? lines.join('\n') : reason);
  }
  return new CommandError(FAILED, reason);
}

/** How long a command that waits rides out a restart of the services. */
const PATIENCE_MS = 120_000;

/**
 * Asks until the API answers, connecting anew in between, since its address may have changed.
 * @throws Unreachable when it has not answered for two minutes
 */
export async function patiently<T>(settings: Environment, ask: (api: Api) => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask(await Api.connect(settings));
    } catch (error) {
      if (!(error instanceof Unreachable) || Date.now() >= deadline) throw error;
      await sleep(1000);
    }
  }
}
