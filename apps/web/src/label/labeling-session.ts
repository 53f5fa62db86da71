import { ApiError, isSignedOut, isTransient } from '../api/problem.js';
import type { Judged, Judgement, LabelingProgress, NextTask, Task } from '../api/types.js';
import { type Choice, judgementOf } from './choice.js';
import type { PendingDecision, PendingDecisionStore } from './pending-decision.js';

/** The API as one labeler's session needs it. */
export interface LabelingApi {
  nextTask(): Promise<NextTask>;
  judge(slotId: string, idempotencyKey: string, judgement: Judgement): Promise<Judged>;
  skip(slotId: string, idempotencyKey: string): Promise<Judged>;
}

export type LabelingState = { readonly progress: LabelingProgress | null } & (
  | { readonly phase: 'loading' }
  | { readonly phase: 'judging'; readonly task: Task }
  | {
      readonly phase: 'submitting';
      readonly task: Task;
      readonly choice: Choice;
      /** The server could not be reached; the decision is kept and sent again at that time (ms since 1970). */
      readonly retryAt: number | null;
    }
  /** Nothing to judge at present; looked for again every few seconds. */
  | { readonly phase: 'idle' }
  | { readonly phase: 'unreachable'; readonly error: Error; readonly retryAt: number | null }
);

export type LabelingNotice =
  | { readonly kind: 'stored'; readonly choice: Choice }
  /** The lease ran out or the slot went to somebody else: the decision does not count. */
  | { readonly kind: 'lost' }
  /** The server refused the decision for another reason. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface LabelingDependencies {
  readonly api: LabelingApi;
  readonly pending: PendingDecisionStore;
  readonly onNotice: (notice: LabelingNotice) => void;
  readonly onSignedOut: () => void;
}

const IDLE_POLL_MS = 4000;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 15_000;

/**
 * One labeler's way through the queue: take a task, decide, submit, take the next.
 *
 * A decision is written down before it is sent and stays until the server has answered for it, so neither a dead
 * network nor a reload loses or doubles it. Leases make the order strict: the next task is asked for only after the
 * answer to the last decision.
 */
export class LabelingSession {
  #state: LabelingState = { phase: 'loading', progress: null };
  #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retry: (() => void) | null = null;
  #running = false;
  /** Answers that arrive for an earlier start are dropped. */
  #generation = 0;
  #failures = 0;
  /** When the task came into sight, less the time it was hidden. */
  #seenMs = 0;
  #visibleSince: number | null = null;

  constructor(private readonly dependencies: LabelingDependencies) {}

  readonly getState = (): LabelingState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Sends what an earlier page left unsent, then takes the next task. */
  start(): void {
    this.#running = true;
    this.#generation += 1;
    this.#failures = 0;
    const left = this.dependencies.pending.load();
    if (left !== null) void this.#submit(left);
    else void this.#takeNext();
  }

  stop(): void {
    this.#running = false;
    this.#generation += 1;
    this.#retry = null;
    clearTimeout(this.#timer);
  }

  /** Decides the task on the screen; ignored when there is none or one decision is under way. */
  decide(choice: Choice): void {
    if (this.#state.phase !== 'judging') return;
    const { task } = this.#state;
    if (choice.kind === 'prefer' && choice.position >= task.responses.length) return;
    this.setVisible(false);
    const decision: PendingDecision = {
      task,
      choice,
      idempotencyKey: newKey(),
      judgement: judgementOf(choice, task, Math.round(this.#seenMs)),
    };
    this.dependencies.pending.save(decision);
    this.#failures = 0;
    void this.#submit(decision);
  }

  /** Tries again at once instead of at the end of the wait. */
  retryNow(): void {
    const retry = this.#retry;
    if (retry === null) return;
    clearTimeout(this.#timer);
    this.#retry = null;
    retry();
  }

  /** The page came into sight or left it: only time in sight counts as time spent on the task. */
  setVisible(visible: boolean): void {
    const now = performance.now();
    if (visible && this.#visibleSince === null) this.#visibleSince = now;
    if (!visible && this.#visibleSince !== null) {
      this.#seenMs += now - this.#visibleSince;
      this.#visibleSince = null;
    }
  }

  async #submit(decision: PendingDecision): Promise<void> {
    const generation = this.#generation;
    const { task, choice, idempotencyKey, judgement } = decision;
    this.#set({ phase: 'submitting', task, choice, retryAt: null, progress: this.#state.progress });
    try {
      const { progress } =
        judgement === null
          ? await this.dependencies.api.skip(task.slotId, idempotencyKey)
          : await this.dependencies.api.judge(task.slotId, idempotencyKey, judgement);
      this.dependencies.pending.clear();
      if (!this.#isCurrent(generation)) return;
      this.#failures = 0;
      this.#set({ ...this.#state, progress });
      this.dependencies.onNotice({ kind: 'stored', choice });
    } catch (error) {
      if (isTransient(error)) {
        if (!this.#isCurrent(generation)) return;
        const retryAt = this.#retryLater(() => void this.#submit(decision));
        this.#set({ phase: 'submitting', task, choice, retryAt, progress: this.#state.progress });
        return;
      }
      if (isSignedOut(error)) {
        // The decision stays where it is: signing in again sends it.
        if (this.#isCurrent(generation)) this.dependencies.onSignedOut();
        return;
      }
      this.dependencies.pending.clear();
      if (!this.#isCurrent(generation)) return;
      this.dependencies.onNotice(
        isLost(error) ? { kind: 'lost' } : { kind: 'refused', reason: (error as Error).message },
      );
    }
    await this.#takeNext();
  }

  async #takeNext(): Promise<void> {
    const generation = this.#generation;
    try {
      const { task, progress } = await this.dependencies.api.nextTask();
      if (!this.#isCurrent(generation)) return;
      this.#failures = 0;
      if (task === null) {
        this.#set({ phase: 'idle', progress });
        this.#later(IDLE_POLL_MS, () => void this.#takeNext());
        return;
      }
      this.#seenMs = 0;
      this.#visibleSince = null;
      this.#set({ phase: 'judging', task, progress });
      this.setVisible(isPageVisible());
    } catch (error) {
      if (!this.#isCurrent(generation)) return;
      if (isSignedOut(error)) return this.dependencies.onSignedOut();
      const retryAt = isTransient(error) ? this.#retryLater(() => void this.#takeNext()) : null;
      if (retryAt === null) this.#retry = () => void this.#takeNext();
      this.#set({ phase: 'unreachable', error: error as Error, retryAt, progress: this.#state.progress });
    }
  }

  /** Waits twice as long after each failure in a row. Returns the time of the next attempt. */
  #retryLater(attempt: () => void): number {
    const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#later(waitMs, attempt);
    return Date.now() + waitMs;
  }

  #later(waitMs: number, work: () => void): void {
    clearTimeout(this.#timer);
    this.#retry = work;
    this.#timer = setTimeout(() => {
      this.#retry = null;
      work();
    }, waitMs);
  }

  #isCurrent(generation: number): boolean {
    return this.#running && generation === this.#generation;
  }

  #set(state: LabelingState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

/** The slot is no longer this labeler's, or no longer there. */
function isLost(error: unknown): boolean {
  return error instanceof ApiError && (error.type === 'urn:plumbline:lease-lost' || error.status === 404);
}

function isPageVisible(): boolean {
  return typeof document === 'undefined' || document.visibilityState === 'visible';
}

/** `randomUUID` exists on secure origins only, and people label over plain HTTP in a laboratory's network too. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
