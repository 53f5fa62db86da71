import { SERVICE_NAMES } from '@plumbline/contracts';
import type { ServiceRecord, SupervisorState } from '@plumbline/services';
import { Listr, ListrLogger, ProcessOutput } from 'listr2';

type Goal = 'running' | 'stopped';

/** The newest state of services that are starting or stopping, and a way to wait for the next one. */
class StateFeed {
  latest: SupervisorState | null = null;
  over = false;
  #wake: () => void = () => undefined;
  #next: Promise<void> = this.#renew();

  /** Resolves when there is something new. */
  get next(): Promise<void> {
    return this.#next;
  }

  tell(state: SupervisorState): void {
    this.latest = state;
    this.#announce();
  }

  end(): void {
    this.over = true;
    this.#announce();
  }

  record(name: string): ServiceRecord | undefined {
    return this.latest?.services.find((service) => service.name === name);
  }

  #announce(): void {
    const wake = this.#wake;
    this.#next = this.#renew();
    wake();
  }

  #renew(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

/** Runs a change of the services while stderr shows how far each of them is. */
export async function showingServices<T>(
  goal: Goal,
  change: (onState: (state: SupervisorState) => void) => Promise<T>,
): Promise<T> {
  const feed = new StateFeed();
  const changing = change((state) => {
    feed.tell(state);
  }).finally(() => {
    feed.end();
  });
  changing.catch(() => undefined);
  // Nothing to show when nothing changes, as with a second `up`.
  while (feed.latest === null && !feed.over) await feed.next;
  if (feed.latest !== null) await (process.stderr.isTTY ? showTasks(goal, feed) : showLines(feed));
  return changing;
}

function reached(goal: Goal, record: ServiceRecord | undefined): boolean {
  return record?.state === goal || record?.state === 'external';
}

/** On a terminal: one task a service. */
async function showTasks(goal: Goal, feed: StateFeed): Promise<void> {
  const tasks = SERVICE_NAMES.map((name) => ({
    title: name,
    task: async (_context: unknown, task: { output: string; title: string }) => {
      for (;;) {
        const record = feed.record(name);
        if (reached(goal, record)) {
          if (record?.address && goal === 'running') task.title = `${name} ${record.address}`;
          return;
        }
        if (feed.over) throw new Error(`${name} is not ${goal}`);
        task.output = record?.detail ?? '';
        await feed.next;
      }
    },
  }));
  // Drawn on stderr, since results have stdout to themselves; the second stream is only watched for other output.
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stdout) });
  const list = new Listr(tasks, {
    concurrent: true,
    exitOnError: false,
    renderer: 'default',
    rendererOptions: { logger, collapseErrors: true },
    registerSignalListeners: false,
  });
  await list.run().catch(() => undefined);
}

/** Elsewhere: one line whenever a service changes. */
async function showLines(feed: StateFeed): Promise<void> {
  const told = new Map<string, string>();
  for (;;) {
    for (const { name, state, address, detail } of feed.latest?.services ?? []) {
      const line = `${name.padEnd(15)} ${state}${detail ? `: ${detail}` : state === 'running' && address ? ` ${address}` : ''}`;
      if (told.get(name) === line || (state === 'stopped' && !told.has(name))) continue;
      told.set(name, line);
      process.stderr.write(`${line}\n`);
    }
    if (feed.over) return;
    await feed.next;
  }
}
