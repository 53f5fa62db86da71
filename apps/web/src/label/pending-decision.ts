import type { Judgement, Task } from '../api/types.js';
import type { Choice } from './choice.js';

/** A decision that was made but is not yet known to be stored by the server. */
export interface PendingDecision {
  readonly task: Task;
  readonly choice: Choice;
  /** Sent with every attempt, so that the server stores the decision once however often it arrives. */
  readonly idempotencyKey: string;
  /** null: a skip. */
  readonly judgement: Judgement | null;
}

/** Keeps one labeler's pending decision through a reload, a crash or a lost session. */
export interface PendingDecisionStore {
  load(): PendingDecision | null;
  save(decision: PendingDecision): void;
  clear(): void;
}

/** In the browser's local storage; where that is blocked the decision lives as long as the page. */
export function localPendingDecisions(userId: string): PendingDecisionStore {
  const key = `plumbline.pending-decision.${userId}`;
  return {
    load() {
      try {
        const text = localStorage.getItem(key);
        return text === null ? null : (JSON.parse(text) as PendingDecision);
      } catch {
        return null;
      }
    },
    save(decision) {
      try {
        localStorage.setItem(key, JSON.stringify(decision));
      } catch {
        // Blocked or full: the copy in memory is still being sent.
      }
    },
    clear() {
      try {
        localStorage.removeItem(key);
      } catch {
        // Nothing was saved then.
      }
    },
  };
}
