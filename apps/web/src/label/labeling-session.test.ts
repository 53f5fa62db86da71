import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, NetworkError } from '../api/problem.js';
import type { Judged, Judgement, NextTask, Task } from '../api/types.js';
import { type LabelingApi, type LabelingNotice, LabelingSession } from './labeling-session.js';
import type { PendingDecision, PendingDecisionStore } from './pending-decision.js';

function taskNumber(number: number): Task {
  return {
    slotId: `slot-${number}`,
    runId: 'run',
    runName: 'a run',
    comparisonId: `comparison-${number}`,
    comparisonKey: `key-${number}`,
    ordinal: 0,
    seed: 1,
    prompt: [{ role: 'document', parts: [{ type: 'text', text: 'Once' }] }],
    responses: [
      { id: `left-${number}`, key: 'l', text: ' upon a time' },
      { id: `right-${number}`, key: 'r', text: ' more' },
    ],
    guideline: { version: 1, text: 'Prefer the better one.' },
    leaseExpiresAt: '2026-01-01T00:10:00Z',
  };
}

/** A queue of three tasks that stores what it is sent, by idempotency key, and fails on demand. */
class Queue implements LabelingApi {
  readonly received: { slotId: string; key: string; judgement: Judgement | null }[] = [];
  readonly stored = new Map<string, Judgement | null>();
  /** Thrown, one a call, before or after the decision is stored. */
  readonly failures: { error: Error; after?: boolean }[] = [];
  tasks = 3;
  #current = 1;

  nextTask(): Promise<NextTask> {
    return Promise.resolve({
      task: this.#current > this.tasks ? null : taskNumber(this.#current),
      progress: this.#progress(),
    });
  }
  judge(slotId: string, key: string, judgement: Judgement): Promise<Judged> {
    return this.#receive(slotId, key, judgement);
  }
  skip(slotId: string, key: string): Promise<Judged> {
    return this.#receive(slotId, key, null);
  }

  #receive(slotId: string, key: string, judgement: Judgement | null): Promise<Judged> {
    this.received.push({ slotId, key, judgement });
    const failure = this.failures.shift();
    if (failure !== undefined && failure.after !== true) {
      if (failure.error instanceof ApiError && failure.error.status === 409) this.#current += 1;
      return Promise.reject(failure.error);
    }
    if (!this.stored.has(key)) this.#current += 1;
    this.stored.set(key, judgement);
    return failure === undefined
      ? Promise.resolve({ judgementId: key, progress: this.#progress() })
      : Promise.reject(failure.error);
  }

  #progress() {
    return { judgedByMe: this.stored.size, judged: this.stored.size, required: 3 };
  }
}

class MemoryStore implements PendingDecisionStore {
  decision: PendingDecision | null = null;
  load = () => this.decision;
  save(decision: PendingDecision) {
    this.decision = decision;
  }
  clear() {
    this.decision = null;
  }
}

describe('LabelingSession', () => {
  let queue: Queue;
  let pending: MemoryStore;
  let notices: LabelingNotice[];
  let signedOut: number;
  let session: LabelingSession;

  const open = () =>
    new LabelingSession({
      api: queue,
      pending,
      onNotice: (notice) => notices.push(notice),
      onSignedOut: () => (signedOut += 1),
    });
  const settle = () => vi.advanceTimersByTimeAsync(0);
  const shownSlot = () => {
    const state = session.getState();
    return state.phase === 'judging' ? state.task.slotId : state.phase;
  };

  beforeEach(async () => {
    vi.useFakeTimers();
    queue = new Queue();
    pending = new MemoryStore();
    notices = [];
    signedOut = 0;
    session = open();
    session.start();
    await settle();
  });
  afterEach(() => {
    session.stop();
    vi.useRealTimers();
  });

  it('goes from task to task until nothing is left, then finds new work by itself', async () => {
    for (const expected of ['slot-1', 'slot-2', 'slot-3']) {
      expect(shownSlot()).toBe(expected);
      session.decide({ kind: 'tie' });
      await settle();
    }
    expect(shownSlot()).toBe('idle');
    queue.tasks = 4;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(shownSlot()).toBe('slot-4');
  });

  it('ranks the chosen response first and every other one second', async () => {
    session.decide({ kind: 'prefer', position: 1 });
    await settle();
    expect(queue.received[0]?.judgement).toMatchObject({
      outcome: 'ranked',
      ranks: { 'left-1': 2, 'right-1': 1 },
    });
  });

  it('counts only the time during which the page was in sight', async () => {
    await vi.advanceTimersByTimeAsync(2000);
    session.setVisible(false);
    await vi.advanceTimersByTimeAsync(60_000);
    session.setVisible(true);
    await vi.advanceTimersByTimeAsync(500);
    session.decide({ kind: 'both_bad' });
    await settle();
    expect(queue.received[0]?.judgement?.durationMs).toBe(2500);
  });

  it('takes one decision a task, however fast the keys are', async () => {
    session.decide({ kind: 'prefer', position: 0 });
    session.decide({ kind: 'prefer', position: 1 });
    session.decide({ kind: 'skip' });
    await settle();
    expect(queue.received).toHaveLength(1);
    expect(shownSlot()).toBe('slot-2');
  });

  it('keeps a decision through failures and sends it with the same key until it is stored once', async () => {
    queue.failures.push(
      { error: new NetworkError('gone') },
      { error: new NetworkError('answer lost'), after: true },
      { error: new ApiError(503, 'about:blank', 'Service Unavailable', '', []) },
    );
    session.decide({ kind: 'prefer', position: 0 });
    await settle();
    expect(session.getState()).toMatchObject({
      phase: 'submitting',
      choice: { kind: 'prefer', position: 0 },
    });
    expect(pending.decision).not.toBeNull();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(queue.received).toHaveLength(4);
    expect(new Set(queue.received.map(({ key }) => key)).size).toBe(1);
    expect(queue.stored.size).toBe(1);
    expect(pending.decision).toBeNull();
    expect(shownSlot()).toBe('slot-2');
  });

  it('waits longer after each failure and tries at once when asked to', async () => {
    for (let failure = 0; failure < 4; failure++) queue.failures.push({ error: new NetworkError('gone') });
    session.decide({ kind: 'tie' });
    await vi.advanceTimersByTimeAsync(3100);
    expect(queue.received).toHaveLength(3);
    session.retryNow();
    await settle();
    expect(queue.received).toHaveLength(4);
    session.retryNow();
    await settle();
    expect(shownSlot()).toBe('slot-2');
  });

  it('sends what a closed page left behind before it takes a task', async () => {
    queue.failures.push({ error: new NetworkError('gone') });
    session.decide({ kind: 'prefer', position: 1 });
    await settle();
    session.stop();
    session = open();
    session.start();
    await settle();
    expect(queue.received.map(({ slotId }) => slotId)).toEqual(['slot-1', 'slot-1']);
    expect(queue.received[0]?.key).toBe(queue.received[1]?.key);
    expect(shownSlot()).toBe('slot-2');
  });

  it('keeps the decision when the session has ended and sends it after signing in again', async () => {
    queue.failures.push({ error: new ApiError(401, 'urn:plumbline:not-signed-in', 'Sign in first', '', []) });
    session.decide({ kind: 'tie' });
    await settle();
    expect(signedOut).toBe(1);
    expect(pending.decision?.task.slotId).toBe('slot-1');
    session.stop();
    session = open();
    session.start();
    await settle();
    expect(queue.stored.size).toBe(1);
  });

  it('says so when the lease is lost and goes on with the next task', async () => {
    queue.failures.push({ error: new ApiError(409, 'urn:plumbline:lease-lost', 'No longer yours', '', []) });
    session.decide({ kind: 'tie' });
    await settle();
    expect(notices).toEqual([{ kind: 'lost' }]);
    expect(pending.decision).toBeNull();
    expect(shownSlot()).toBe('slot-2');
  });

  it('passes on why another decision was refused, and shows the task again', async () => {
    queue.failures.push({
      error: new ApiError(422, 'urn:plumbline:invalid-request', '', 'ranks: missing', []),
    });
    session.decide({ kind: 'tie' });
    await settle();
    expect(notices).toEqual([{ kind: 'refused', reason: 'ranks: missing' }]);
    expect(shownSlot()).toBe('slot-1');
  });

  it('does nothing more once it is stopped', async () => {
    session.decide({ kind: 'tie' });
    session.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(session.getState().phase).toBe('submitting');
    expect(notices).toEqual([]);
  });
});
