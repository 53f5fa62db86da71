import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BoundedLog } from './bounded-log.js';
import { spawnLaunch, type Launch } from './launch.js';
import { identify, killGroup, stopProcess, type ProcessIdentity } from './process-control.js';
import type { ServiceRecord } from './service-state.js';
import { ServicesError } from './services-error.js';

/** How a service is started, watched and stopped. */
export interface ServiceDefinition {
  readonly name: string;
  /** Services that must be ready before this one is first started. */
  readonly after: readonly string[];
  readonly address: string | null;
  /** Called before every start. What it says goes to people while they wait; the signal means: no longer wanted. */
  launch(context: { say: (detail: string) => void; signal: AbortSignal }): Promise<Launch>;
  /** Asked until true after a start, and every `checkEveryMs` from then on. `saidReady`: it printed its ready line. */
  isReady(saidReady: boolean): Promise<boolean>;
  readonly stopSignal: NodeJS.Signals;
  /** Time for an orderly end before it is killed. */
  readonly graceMs: number;
}

export interface SupervisionTimes {
  /** A service that is not ready by then has failed to start. */
  readonly startWithinMs: number;
  readonly checkEveryMs: number;
  /** As many checks in a row must fail before a live process is taken for stuck and started again. */
  readonly failuresUntilStuck: number;
  readonly firstRestartAfterMs: number;
  readonly longestRestartAfterMs: number;
  /** After that long without an end the next restart is quick again. */
  readonly calmAfterMs: number;
}

export const SUPERVISION_TIMES: SupervisionTimes = {
  startWithinMs: 120_000,
  checkEveryMs: 5000,
  failuresUntilStuck: 12,
  firstRestartAfterMs: 500,
  longestRestartAfterMs: 10_000,
  calmAfterMs: 60_000,
};

/** A worker prints one line of JSON with this event once it takes tasks. */
const READY_LINE = /"event":\s*"ready"/;

/** What a program says as it ends arrives a moment after its end. */
const LAST_WORDS_MS = 50;

/** One program under supervision: started, started again when it ends by itself, and stopped. */
export class SupervisedService {
  #child: ChildProcess | null = null;
  #identity: ProcessIdentity | null = null;
  #state: ServiceRecord['state'] = 'stopped';
  #detail: string | null = null;
  #restarts = 0;
  #saidReady = false;
  #ended: Promise<string> = Promise.resolve('');
  #stopping = new AbortController();
  #starting: Promise<void> = Promise.resolve();
  #watch: Promise<void> = Promise.resolve();

  constructor(
    readonly definition: ServiceDefinition,
    private readonly log: BoundedLog,
    private readonly times: SupervisionTimes,
    private readonly onChange: () => void,
  ) {}

  get record(): ServiceRecord {
    return {
      name: this.definition.name,
      state: this.#state,
      address: this.definition.address,
      process: this.#identity,
      restarts: this.#restarts,
      detail: this.#detail,
    };
  }

  /** Starts it for the first time and resolves when it is ready. @throws when it does not become so */
  async start(): Promise<void> {
    await this.#startOnce();
    this.#watch = this.#keepRunning();
  }

  /** Ends it, orderly and then by force, and whatever it left in its process group. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#stopChild();
    await this.#starting;
    await this.#watch;
    await this.#stopChild();
    this.#change('stopped', null);
    this.log.close();
  }

  #startOnce(): Promise<void> {
    const starting = this.#launchAndWait();
    this.#starting = starting.catch(() => undefined);
    return starting;
  }

  async #launchAndWait(): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    this.#change('starting', null);
    const launch = await this.definition.launch({
      say: (detail) => {
        this.#change('starting', detail);
      },
      signal,
    });
    if (signal.aborted) return;
    await this.#spawn(launch);
    this.#change('starting', 'waiting for it to answer');
    await this.#waitUntilReady();
    if (!signal.aborted) this.#change('running', null);
  }

  async #spawn(launch: Launch): Promise<void> {
    this.#note(`starting ${[launch.command, ...launch.args].join(' ')}`);
    const child = spawnLaunch(launch, ['ignore', 'pipe', 'pipe']);
    this.#child = child;
    this.#saidReady = false;
    let lastLines = '';
    const take = (chunk: Buffer) => {
      this.log.write(chunk);
      lastLines = (lastLines + chunk.toString()).slice(-2000);
      if (!this.#saidReady && READY_LINE.test(lastLines)) this.#saidReady = true;
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        resolve(`could not be started: ${error.message}`);
      });
      // Not `close`, which waits for children of the child that hold the same pipes.
      child.once('exit', (code, signal) => {
        setTimeout(() => {
          const how = signal === null ? `ended with exit code ${String(code)}` : `was ended by ${signal}`;
          const said = lastLines.trim().split('\n').slice(-8).join('\n');
          resolve(said === '' ? how : `${how}:\n${said}`);
        }, LAST_WORDS_MS);
      });
    });
    this.#identity = child.pid === undefined ? null : await identify(child.pid);
  }

  async #waitUntilReady(): Promise<void> {
    const deadline = Date.now() + this.times.startWithinMs;
    let ended: string | null = null;
    void this.#ended.then((how) => {
      ended = how;
    });
    while (!(await this.#isReady())) {
      if (this.#stopping.signal.aborted) return;
      if (ended !== null)
        throw new ServicesError('child-failed', `${this.definition.name} ${ended as string}`);
      if (Date.now() >= deadline) {
        await this.#stopChild();
        throw new ServicesError(
          'not-ready',
          `${this.definition.name} was not ready within ${String(this.times.startWithinMs / 1000)} s; its log is ${this.log.file}`,
        );
      }
      await sleep(100);
    }
  }

  #isReady(): Promise<boolean> {
    return this.definition.isReady(this.#saidReady).catch(() => false);
  }

  /** Until `stop`: waits for the end of the process, or for it to be stuck, and starts it again. */
  async #keepRunning(): Promise<void> {
    const { signal } = this.#stopping;
    let delayMs = this.times.firstRestartAfterMs;
    let startedAt = Date.now();
    while (!signal.aborted) {
      const reason = await this.#untilBroken();
      if (signal.aborted) return;
      await this.#stopChild();
      if (Date.now() - startedAt >= this.times.calmAfterMs) delayMs = this.times.firstRestartAfterMs;
      this.#restarts += 1;
      this.#note(`${reason}; starting again in ${String(delayMs)} ms`);
      this.#change('starting', reason);
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, this.times.longestRestartAfterMs);
      if (signal.aborted) return;
      startedAt = Date.now();
      await this.#startOnce().catch((error: unknown) => {
        this.#note(error instanceof Error ? error.message : String(error));
      });
    }
  }

  async #untilBroken(): Promise<string> {
    const { signal } = this.#stopping;
    const ended = this.#ended.then((how) => ({ how }));
    let failures = 0;
    for (;;) {
      const pause = sleep(this.times.checkEveryMs, null, { signal }).catch(() => null);
      const outcome = await Promise.race([ended, pause]);
      if (outcome) return outcome.how;
      if (signal.aborted) return 'stopping';
      failures = (await this.#isReady()) ? 0 : failures + 1;
      if (failures >= this.times.failuresUntilStuck)
        return `did not answer ${String(failures)} times in a row`;
    }
  }

  async #stopChild(): Promise<void> {
    const identity = this.#identity;
    if (!identity) return;
    const { stopSignal, graceMs } = this.definition;
    await stopProcess(identity, { signal: stopSignal, graceMs });
    killGroup(identity.pid);
    await this.#ended;
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
    this.#child = null;
    if (this.#identity === identity) this.#identity = null;
  }

  #change(state: ServiceRecord['state'], detail: string | null): void {
    this.#state = state;
    this.#detail = detail;
    this.onChange();
  }

  #note(text: string): void {
    this.log.write(`${new Date().toISOString()} supervisor: ${text}\n`);
  }
}
