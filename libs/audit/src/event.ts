import { randomUUID } from 'node:crypto';
import { canonicalJson, sha256 } from '@plumbline/artifacts';

/** Who did it. Judgements are the labeler's (a pseudonym), everything else a person does is the user's. */
export type Actor =
  | { readonly kind: 'user'; /** users.id */ readonly id: string }
  | { readonly kind: 'labeler'; /** labelers.id */ readonly id: string }
  | {
      readonly kind: 'service';
      /** The service's name, as `plumbline status` prints it. */ readonly id: string;
    };

export const EVENT_ACTIONS = [
  'user.created',
  'labeler.created',
  'token.created',
  'session.opened',
  'session.closed',
  'run.created',
  'run.started',
  // Asked for by a person; what comes of it is another event.
  'run.pausing',
  'run.resuming',
  'run.cancelling',
  'run.paused',
  'run.resumed',
  'run.waiting',
  'run.completed',
  'run.failed',
  'run.cancelled',
  'run.reported',
  'run.archived',
  'step.started',
  'step.attempted',
  'step.planned',
  // Its curves show that something goes wrong.
  'step.warned',
  'step.waiting',
  'step.paused',
  'step.resumed',
  'step.completed',
  'step.failed',
  'step.cancelled',
  'checkpoint.committed',
  'collection.published',
  'collection.frozen',
  'preferences.imported',
  'judgement.submitted',
  'judgement.skipped',
] as const;
export type EventAction = (typeof EVENT_ACTIONS)[number];

export interface EventSubject {
  readonly type: 'user' | 'labeler' | 'token' | 'session' | 'run' | 'step' | 'judgement';
  readonly id: string;
}

/** A change of state, as the code that makes it describes it. `payload` is plain JSON: ids and small values. */
export interface EventDraft {
  readonly actor: Actor;
  readonly action: EventAction;
  readonly subject: EventSubject;
  /** The run whose history the event belongs to. */
  readonly runId?: string;
  readonly payload?: Readonly<Record<string, unknown>>;
}

export interface SealedEvent {
  readonly id: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly at: string;
  readonly actor: Actor;
  readonly action: EventAction;
  readonly subject: EventSubject;
  readonly runId: string | null;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Canonical JSON of all the fields above. */
  readonly canonical: string;
  /** SHA-256 (hex) of `canonical` in UTF-8. */
  readonly sha256: string;
}

/** Gives an event its identity and time, and fixes its canonical text and hash. */
export function sealEvent(draft: EventDraft, at: Date = new Date(), id: string = randomUUID()): SealedEvent {
  const event = {
    id,
    at: at.toISOString(),
    actor: { kind: draft.actor.kind, id: draft.actor.id } as Actor,
    action: draft.action,
    subject: { type: draft.subject.type, id: draft.subject.id },
    runId: draft.runId ?? null,
    payload: draft.payload ?? {},
  };
  const canonical = canonicalJson(event);
  return { ...event, canonical, sha256: sha256(canonical) };
}
