import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '@plumbline/config';
import type { RunConfiguration, Status } from '@plumbline/contracts';
import { readSecrets, runningApiUrl, secretsFile } from '@plumbline/services';
import { CommandError, FAILED, WRONG_USE } from './command-error.js';

export interface RunSummary {
  readonly runId: string;
  readonly name: string;
  readonly status: Status;
  readonly preset: string | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly currentStep: string | null;
}

export interface StepDetail {
  readonly stepId: string;
  readonly name: string;
  readonly status: Status;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly error: string | null;
  readonly outputs: Readonly<Record<string, string>>;
  readonly progress: {
    readonly phase: string;
    readonly done: number;
    readonly total: number;
    readonly unit: string;
  } | null;
  readonly checkpoints: readonly { readonly index: number; readonly id: string }[];
  readonly metrics: Readonly<Record<string, number>>;
  readonly collection: { readonly judged: number; readonly required: number } | null;
}

export interface RunDetail extends RunSummary {
  readonly error: string | null;
  readonly configuration: RunConfiguration;
  readonly report: { readonly json: string; readonly html: string } | null;
  readonly steps: readonly StepDetail[];
}

export interface NewRun {
  readonly preset?: string;
  readonly configuration?: unknown;
  readonly overrides?: readonly { readonly path: string; readonly value: unknown }[];
}

/** RFC 9457 */
interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** The API could not be reached; it may be starting again. */
export class Unreachable extends CommandError {
  constructor(message: string, options?: ErrorOptions) {
    super(FAILED, message, options);
    this.name = 'Unreachable';
  }
}

/** The public API as the command line uses it: what it answers, or a CommandError that says what is wrong. */
export class Api {
  private constructor(
    readonly url: string,
    readonly token: string,
  ) {}

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

  listRuns(
    cursor: string | null,
    limit: number,
  ): Promise<{ items: RunSummary[]; nextCursor: string | null }> {
    const query = new URLSearchParams({ limit: String(limit), ...(cursor === null ? {} : { cursor }) });
    return this.#json('GET', `/runs?${query.toString()}`);
  }

  startRun(run: NewRun): Promise<{ runId: string }> {
    return this.#json('POST', '/runs', run);
  }

  run(id: string): Promise<RunDetail> {
    return this.#json('GET', `/runs/${encodeURIComponent(id)}`);
  }

  changeRun(id: string, change: 'pause' | 'resume' | 'cancel'): Promise<{ status: Status }> {
    return this.#json('POST', `/runs/${encodeURIComponent(id)}/${change}`);
  }

  forkRun(
    id: string,
    fork: Pick<NewRun, 'overrides'> & { readonly from: string },
  ): Promise<{ runId: string }> {
    return this.#json('POST', `/runs/${encodeURIComponent(id)}/fork`, fork);
  }

  async report(id: string, format: 'json' | 'html'): Promise<Uint8Array> {
    const response = await this.#request('GET', `/runs/${encodeURIComponent(id)}/report.${format}`);
    return new Uint8Array(await response.arrayBuffer());
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#request(method, path, body);
    return (await response.json()) as T;
  }

  async #request(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await this.#send(method, path, body);
    if (!response.ok) throw await refusal(response, `${method} ${path}`);
    return response;
  }

  async #send(method: string, path: string, body: unknown): Promise<Response> {
    try {
      return await fetch(`${this.url}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(60_000),
      });
    } catch (cause) {
      throw new Unreachable(`the API at ${this.url} does not answer; see \`npx plumbline status\``, {
        cause,
      });
    }
  }
}

async function refusal(response: Response, request: string): Promise<CommandError> {
  const problem = (await response.json().catch(() => ({}))) as Problem;
  const reason = problem.detail ?? problem.title ?? response.statusText;
  const { status } = response;
  if (status === 502 || status === 503) return new Unreachable(`the API is not ready: ${reason}`);
  if (status === 401) return new CommandError(FAILED, 'the API does not accept the token');
  if (status === 400 || status === 404 || status === 422) {
    const lines = (problem.errors ?? []).map(({ path, message }) => (path ? `${path}: ${message}` : message));
    return new CommandError(WRONG_USE, lines.length > 0 ? lines.join('\n') : reason);
  }
  return new CommandError(FAILED, `${request}: ${String(status)} ${reason}`);
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
