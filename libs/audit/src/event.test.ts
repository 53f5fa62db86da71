import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sealEvent, type EventDraft } from './event.js';

const DRAFT: EventDraft = {
  actor: { kind: 'user', id: 'u1' },
  action: 'run.created',
  subject: { type: 'run', id: 'r1' },
  runId: 'r1',
  payload: { preset: 'smoke', seed: 1 },
};

describe('sealEvent', () => {
  it('hashes the canonical text of the whole event', () => {
    const event = sealEvent(DRAFT, new Date('2026-01-02T03:04:05.678Z'), 'e1');
    expect(event.canonical).toBe(
      '{"action":"run.created","actor":{"id":"u1","kind":"user"},"at":"2026-01-02T03:04:05.678Z","id":"e1",' +
        '"payload":{"preset":"smoke","seed":1},"runId":"r1","subject":{"id":"r1","type":"run"}}',
    );
    expect(event.sha256).toBe(createHash('sha256').update(event.canonical, 'utf8').digest('hex'));
  });

  it('does not depend on the order of the keys, but on every value', () => {
    const at = new Date(0);
    const hash = (draft: EventDraft): string => sealEvent(draft, at, 'e1').sha256;
    expect(hash({ ...DRAFT, payload: { seed: 1, preset: 'smoke' } })).toBe(hash(DRAFT));
    expect(hash({ ...DRAFT, payload: { seed: 2, preset: 'smoke' } })).not.toBe(hash(DRAFT));
    expect(hash({ ...DRAFT, actor: { kind: 'user', id: 'u2' } })).not.toBe(hash(DRAFT));
    expect(hash({ ...DRAFT, action: 'run.started' })).not.toBe(hash(DRAFT));
  });

  it('gives every event an identity of its own', () => {
    expect(sealEvent(DRAFT).id).not.toBe(sealEvent(DRAFT).id);
  });
});
