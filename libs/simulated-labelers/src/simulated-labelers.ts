import { createApiClient, type Schemas } from '@plumbline/api-client';
import { goldReward, simulatedJudgement } from '@plumbline/evaluation/gold';
import pRetry, { AbortError } from 'p-retry';

/** A simulated labeler's account: a bearer token that is good for one run. */
export interface SimulatedLabeler {
  readonly name: string;
  readonly token: string;
}

export interface LabelingProgress {
  readonly judged: number;
  readonly required: number;
}

export interface SimulationOptions {
  /** Where the API is: http://host:port */
  readonly url: string;
  readonly runId: string;
  readonly labelers: readonly SimulatedLabeler[];
  /** Noise of the Bradley-Terry choice, in units of gold reward. */
  readonly noise: number;
  readonly onProgress?: (progress: LabelingProgress) => void;
  readonly signal?: AbortSignal;
}

/** An answer of the API that trying again would not change. */
export class ApiRefusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'ApiRefusal';
  }
}

/** A restart of the API, or a busy one, is waited out for about two minutes. */
const RETRIES = { retries: 15, minTimeout: 100, maxTimeout: 15_000 };

/**
 * Accounts for simulated labelers of a run.
 * @throws ApiRefusal when the token may not create them, or there is no such run
 */
export async function provideSimulatedLabelers(options: {
  readonly url: string;
  readonly token: string;
  readonly runId: string;
  readonly count: number;
  readonly signal?: AbortSignal;
}): Promise<readonly SimulatedLabeler[]> {
  const { url, token, runId, count, signal } = options;
  const client = createApiClient({ baseUrl: url, token });
  const { labelers } = await answerOf(signal, () =>
    client.POST('/api/v1/runs/{id}/simulated-labelers', { params: { path: { id: runId } }, body: { count } }),
  );
  return labelers;
}

/**
 * Simulated labelers at work: each asks for a comparison, judges it by the hidden gold reward with noise, and submits,
 * until nothing is left for it. They see what people see and use nothing but the public API. What each comparison is
 * judged to be is a pure function of (seed, comparison, ordinal), whichever labeler gets it.
 * @returns how many judgements they made
 */
export async function runSimulatedLabelers(options: SimulationOptions): Promise<number> {
  const made = await Promise.all(options.labelers.map((labeler) => workOff(labeler, options)));
  return made.reduce((sum, count) => sum + count, 0);
}

async function workOff(labeler: SimulatedLabeler, options: SimulationOptions): Promise<number> {
  const { url, runId, noise, onProgress, signal } = options;
  const client = createApiClient({ baseUrl: url, token: labeler.token });
  let made = 0;
  for (;;) {
    const { task } = await answerOf(signal, () =>
      client.POST('/api/v1/labeling/tasks/next', { body: { runId } }),
    );
    if (task === null) return made;
    const startedAt = performance.now();
    const judgement = judge(task, noise);
    try {
      const { progress } = await answerOf(signal, () =>
        client.POST('/api/v1/labeling/slots/{slotId}/judgement', {
          params: {
            path: { slotId: task.slotId },
            // A slot is judged once, so its id makes a repeated submission recognisable.
            header: { 'Idempotency-Key': `simulated-${task.slotId}` },
          },
          body: { ...judgement, durationMs: Math.round(performance.now() - startedAt) },
        }),
      );
      made += 1;
      onProgress?.({ judged: progress.judged, required: progress.required });
    } catch (error) {
      // The lease ran out while this process was stopped: somebody else has the comparison now.
      if (!(error instanceof ApiRefusal && error.status === 409)) throw error;
    }
  }
}

type Task = Schemas['TaskDto'];
type JudgementBody = Pick<Schemas['JudgementRequestDto'], 'outcome' | 'ranks'>;

/** Responses are scored in an order that does not depend on how they are displayed. */
function judge(task: Task, noise: number): JudgementBody {
  const responses = [...task.responses].sort((a, b) => (a.key < b.key ? -1 : 1));
  const { outcome, ranks } = simulatedJudgement({
    seed: task.seed,
    comparisonKey: task.comparisonKey,
    ordinal: task.ordinal,
    goldRewards: responses.map(({ text }) => goldReward(text)),
    noise,
  });
  if (outcome === 'tie') return { outcome };
  return { outcome, ranks: Object.fromEntries(responses.map(({ id }, index) => [id, ranks[index]!])) };
}

/**
 * The API's answer; a server that is away or busy is asked again.
 * @throws ApiRefusal for any other status
 */
function answerOf<T>(
  signal: AbortSignal | undefined,
  request: () => Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  return pRetry(
    async () => {
      const { data, error, response } = await request();
      if (data !== undefined) return data;
      const problem = error as { detail?: string; title?: string } | undefined;
      const message = problem?.detail ?? problem?.title ?? `the API answered ${response.status}`;
      if (response.status >= 500 || response.status === 429) throw new Error(message);
      throw new AbortError(new ApiRefusal(response.status, message));
    },
    signal === undefined ? RETRIES : { ...RETRIES, signal },
  );
}
