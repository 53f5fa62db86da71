import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  comparisonSet,
  hash,
  newCollection,
  newLabeler,
  startTestRecord,
  WORKER,
  type TestRecord,
} from '../test-support/fixtures.js';
import {
  collectionProgress,
  freezePreferences,
  labelingProgress,
  listRunEvents,
  markDispatched,
  markStep,
  query,
  skipSlot,
  submitJudgement,
  takeNextSlot,
  takeUndispatched,
  type Decision,
  type JudgementAnswer,
} from './index.js';

let record: TestRecord;
beforeAll(async () => {
  record = await startTestRecord();
});
afterAll(async () => {
  await record.stop();
});

const FIRST_WINS: Decision = { outcome: 'ranked', ranks: [1, 2], displayedOrder: [1, 0] };

function submit(
  slotId: string,
  labelerId: string,
  overrides: { key?: string; body?: unknown; decide?: () => Decision; runId?: string } = {},
): Promise<JudgementAnswer> {
  return submitJudgement(record.app, {
    slotId,
    labelerId,
    runId: overrides.runId ?? null,
    idempotencyKey: overrides.key ?? randomUUID(),
    body: overrides.body ?? { outcome: 'ranked' },
    durationMs: 1200,
    decide: overrides.decide ?? (() => FIRST_WINS),
  });
}

async function take(labelerId: string, runId: string, leaseMs?: number): Promise<string | null> {
  const slot = await takeNextSlot(record.app, { labelerId, runId, leaseMs });
  return slot?.slotId ?? null;
}

describe('publishComparisons', () => {
  it('can be repeated and shares equal content between runs', async () => {
    const set = comparisonSet(3);
    const first = await newCollection(record.app, { set });
    await newCollection(record.app, { set });
    const rows = await query<{ prompts: number; responses: number; comparisons: number }>(
      record.app,
      `SELECT count(DISTINCT prompt_id)::int AS prompts, count(DISTINCT response_id)::int AS responses,
              count(DISTINCT c.id)::int AS comparisons
         FROM comparisons c JOIN comparison_responses r ON r.comparison_id = c.id WHERE c.key = ANY($1)`,
      [set.comparisons.map(({ key }) => key)],
    );
    expect(rows).toEqual([{ prompts: 3, responses: 6, comparisons: 6 }]);
    expect(await collectionProgress(record.app, first.stepId)).toEqual({ judged: 0, required: 3 });
  });

  it('stores text with U+0000, which Postgres refuses, in a readable form', async () => {
    const set = comparisonSet(1);
    const comparison = set.comparisons[0]!;
    const { runId } = await newCollection(record.app, {
      set: {
        ...set,
        comparisons: [
          {
            ...comparison,
            prompt: [{ role: 'document', parts: [{ type: 'text', text: 'a\0b' }] }],
            responses: comparison.responses.map((response) => ({ ...response, text: '\0' })),
          },
        ],
      },
    });
    const slot = await takeNextSlot(record.app, { labelerId: await newLabeler(record.app), runId });
    expect(slot?.prompt).toEqual([{ role: 'document', parts: [{ type: 'text', text: 'a\u2400b' }] }]);
    expect(slot?.responses.map(({ content }) => content[0]?.text)).toEqual(['\u2400', '\u2400']);
  });
});

describe('takeNextSlot', () => {
  it('gives the comparison in full, with the labeler’s progress', async () => {
    const { runId, set } = await newCollection(record.app, { comparisons: 2 });
    const slot = await takeNextSlot(record.app, { labelerId: await newLabeler(record.app), runId });
    const comparison = set.comparisons[0]!;
    expect(slot).toMatchObject({
      runId,
      runName: 'test run',
      comparisonKey: comparison.key,
      ordinal: 0,
      seed: 7,
      prompt: comparison.prompt,
      guideline: { version: 1, text: 'Prefer the kinder one.' },
      progress: { judgedByMe: 0, judged: 0, required: 2 },
    });
    expect(slot?.responses.map(({ key }) => key)).toEqual(comparison.responses.map(({ key }) => key));
    expect(slot!.leaseExpiresAt.getTime()).toBeGreaterThan(Date.now() + 9 * 60_000);
  });

  it('gives the same slot again while the labeler holds it', async () => {
    const { runId } = await newCollection(record.app);
    const labelerId = await newLabeler(record.app);
    const slots = await Promise.all([take(labelerId, runId), take(labelerId, runId), take(labelerId, runId)]);
    expect(new Set(slots).size).toBe(1);
  });

  it('never gives a slot twice, nor more than one slot of a comparison to a labeler, to many at once', async () => {
    const comparisons = 12;
    const { runId, stepId } = await newCollection(record.app, { comparisons, judgementsPerComparison: 2 });
    const labelers = await Promise.all(Array.from({ length: 6 }, () => newLabeler(record.app)));
    const judged: string[] = [];
    await Promise.all(
      labelers.map(async (labelerId) => {
        for (;;) {
          const slotId = await take(labelerId, runId);
          if (slotId === null) return;
          await submit(slotId, labelerId);
          judged.push(slotId);
        }
      }),
    );
    expect(new Set(judged).size).toBe(judged.length);
    expect(judged.length).toBe(comparisons * 2);
    expect(await collectionProgress(record.app, stepId)).toEqual({ judged: 24, required: 24 });
    const [counted] = await query<{ judgements: number; mine: number }>(
      record.app,
      `SELECT (SELECT count(*)::int FROM judgements j JOIN slots s ON s.id = j.slot_id WHERE s.step_id = $1) AS judgements,
              (SELECT sum(judged)::int FROM collection_labelers WHERE step_id = $1) AS mine`,
      [stepId],
    );
    expect(counted).toEqual({ judgements: 24, mine: 24 });
  });

  it('gives a slot to somebody else when its lease runs out, and refuses the late judgement', async () => {
    const { runId } = await newCollection(record.app, { comparisons: 1 });
    const [late, quick] = [await newLabeler(record.app), await newLabeler(record.app)];
    const slotId = await take(late, runId, 1);
    expect(slotId).not.toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(submit(slotId!, late)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await take(quick, runId)).toBe(slotId);
    await expect(submit(slotId!, late)).rejects.toMatchObject({ code: 'lease_lost' });
    expect((await submit(slotId!, quick)).progress).toEqual({ judgedByMe: 1, judged: 1, required: 1 });
    expect(await take(late, runId)).toBeNull();
  });

  it('keeps runs with simulated labelers from passers-by', async () => {
    const { runId, stepId } = await newCollection(record.app, { audience: 'simulated' });
    const labelerId = await newLabeler(record.app);
    const unasked = await takeNextSlot(record.app, { labelerId, runId: null });
    expect(unasked?.runId).not.toBe(runId);
    expect((await takeNextSlot(record.app, { labelerId: await newLabeler(record.app), runId }))?.stepId).toBe(
      stepId,
    );
  });

  it('gives nothing of a step that ended', async () => {
    const { runId, stepId } = await newCollection(record.app);
    const labelerId = await newLabeler(record.app);
    const slotId = await take(labelerId, runId);
    await markStep(record.app, { stepId, status: 'cancelled', actor: WORKER });
    await expect(submit(slotId!, labelerId)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await take(await newLabeler(record.app), runId)).toBeNull();
  });
});

describe('submitJudgement', () => {
  it('answers a repeated request the same, and refuses another one under its key', async () => {
    const { runId } = await newCollection(record.app);
    const labelerId = await newLabeler(record.app);
    const slotId = (await take(labelerId, runId))!;
    const first = await submit(slotId, labelerId, { key: 'k', body: { a: 1 } });
    expect(first.progress).toEqual({ judgedByMe: 1, judged: 1, required: 4 });
    expect(await submit(slotId, labelerId, { key: 'k', body: { a: 1 } })).toEqual(first);
    await expect(submit(slotId, labelerId, { key: 'k', body: { a: 2 } })).rejects.toMatchObject({
      code: 'idempotency_mismatch',
    });
    const next = (await take(labelerId, runId))!;
    await expect(submit(next, labelerId, { key: 'k', body: { a: 1 } })).rejects.toMatchObject({
      code: 'idempotency_mismatch',
    });
    expect((await labelingProgress(record.app, { labelerId, runId })).judged).toBe(1);
  });

  it('judges once when the same request comes several times at once', async () => {
    const { runId, stepId } = await newCollection(record.app);
    const labelerId = await newLabeler(record.app);
    const slotId = (await take(labelerId, runId))!;
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => submit(slotId, labelerId, { key: 'same', body: { a: 1 } })),
    );
    expect(new Set(answers.map(({ judgementId }) => judgementId)).size).toBe(1);
    expect(await collectionProgress(record.app, stepId)).toEqual({ judged: 1, required: 4 });
  });

  it('refuses a slot that somebody else holds, and changes nothing when the request is refused', async () => {
    const { runId, stepId } = await newCollection(record.app);
    const [holder, other] = [await newLabeler(record.app), await newLabeler(record.app)];
    const slotId = (await take(holder, runId))!;
    await expect(submit(slotId, other)).rejects.toMatchObject({ code: 'lease_lost' });
    await expect(submit(slotId, holder, { runId: randomUUID() })).rejects.toMatchObject({
      code: 'lease_lost',
    });
    const refusal = new Error('ranks do not fit');
    await expect(
      submit(slotId, holder, {
        decide: () => {
          throw refusal;
        },
      }),
    ).rejects.toBe(refusal);
    expect(await collectionProgress(record.app, stepId)).toEqual({ judged: 0, required: 4 });
    expect(await take(holder, runId)).toBe(slotId);
  });

  it('commits an event and a message to the workflow with the judgement', async () => {
    const { runId } = await newCollection(record.app);
    const labelerId = await newLabeler(record.app);
    const { judgementId } = await submit((await take(labelerId, runId))!, labelerId);
    const events = await listRunEvents(record.app, { runId, cursor: null, limit: 100 });
    const event = events.find(({ action }) => action === 'judgement.submitted');
    expect(event).toMatchObject({
      actor: { kind: 'labeler', id: labelerId },
      subject: { type: 'judgement', id: judgementId },
      payload: {
        outcome: 'ranked',
        ranks: [1, 2],
        displayedOrder: [1, 0],
        guidelineVersion: 1,
        durationMs: 1200,
      },
    });
    const mine = (await takeUndispatched(record.app)).filter((message) => message.runId === runId);
    expect(mine.map(({ topic }) => topic)).toEqual(['judgements']);
    await markDispatched(
      record.app,
      mine.map(({ id }) => id),
    );
    expect((await takeUndispatched(record.app)).some((message) => message.runId === runId)).toBe(false);
  });

  it.each([
    ['ranked without ranks', { outcome: 'ranked', ranks: [], displayedOrder: [0, 1] }],
    ['a tie with ranks', { outcome: 'tie', ranks: [1, 2], displayedOrder: [0, 1] }],
    ['all ranks equal', { outcome: 'ranked', ranks: [1, 1], displayedOrder: [0, 1] }],
    ['no first rank', { outcome: 'ranked', ranks: [2, 2], displayedOrder: [0, 1] }],
    ['a rank beyond the responses', { outcome: 'ranked', ranks: [1, 3], displayedOrder: [0, 1] }],
    ['too few ranks', { outcome: 'ranked', ranks: [1, 2], displayedOrder: [0, 1, 2] }],
  ] satisfies [string, Decision][])('is refused by the database itself: %s', async (_, decision) => {
    const { runId } = await newCollection(record.app);
    const labelerId = await newLabeler(record.app);
    const slotId = (await take(labelerId, runId))!;
    await expect(submit(slotId, labelerId, { decide: () => decision })).rejects.toThrow(/ranks_fit_outcome/);
  });
});

describe('skipSlot', () => {
  const skip = (slotId: string, labelerId: string, key: string = randomUUID()): Promise<JudgementAnswer> =>
    skipSlot(record.app, {
      slotId,
      labelerId,
      runId: null,
      idempotencyKey: key,
      reason: 'unreadable',
      displayedOrder: () => [0, 1],
    });

  it('opens the next ordinal for somebody else and counts nothing', async () => {
    const { runId, stepId } = await newCollection(record.app, { comparisons: 1 });
    const [first, second] = [await newLabeler(record.app), await newLabeler(record.app)];
    const slotId = (await take(first, runId))!;
    const answer = await skip(slotId, first, 'k');
    expect(answer.progress).toEqual({ judgedByMe: 0, judged: 0, required: 1 });
    expect(await skip(slotId, first, 'k')).toEqual(answer);
    expect(await take(first, runId)).toBeNull();
    const next = await takeNextSlot(record.app, { labelerId: second, runId });
    expect(next?.ordinal).toBe(1);
    await submit(next!.slotId, second);
    expect(await collectionProgress(record.app, stepId)).toEqual({ judged: 1, required: 1 });
  });

  it('gives different ordinals to two who skip slots of one comparison at the same time', async () => {
    const { runId, stepId } = await newCollection(record.app, { comparisons: 1, judgementsPerComparison: 4 });
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const labelerId = await newLabeler(record.app);
        await skip((await take(labelerId, runId))!, labelerId);
      }),
    );
    const rows = await query<{ ordinal: number; state: string }>(
      record.app,
      `SELECT ordinal, state FROM slots WHERE step_id = $1 ORDER BY ordinal`,
      [stepId],
    );
    expect(rows.map(({ state }) => state)).toEqual([
      ...Array<string>(4).fill('skipped'),
      ...Array<string>(4).fill('open'),
    ]);
    expect(rows.map(({ ordinal }) => ordinal)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('freezePreferences', () => {
  const freeze = (
    stepId: string,
    id: string,
    seen?: (content: unknown) => void,
    { recordLabelers = false } = {},
  ) =>
    freezePreferences(record.app, {
      stepId,
      actor: WORKER,
      recordLabelers,
      write: (content) => {
        seen?.(content);
        return Promise.resolve({ id, kind: 'preference-snapshot', mediaType: 'application/json', bytes: 1 });
      },
    });

  it('lists judgements by comparison key and ordinal, and keeps which judgement each line came from', async () => {
    const { runId, stepId, set } = await newCollection(record.app, {
      comparisons: 3,
      judgementsPerComparison: 2,
    });
    await expect(freeze(stepId, hash('early'))).rejects.toMatchObject({ code: 'not_complete' });
    const labelers = [await newLabeler(record.app), await newLabeler(record.app)];
    for (const labelerId of labelers) {
      for (
        let slotId = await take(labelerId, runId);
        slotId !== null;
        slotId = await take(labelerId, runId)
      ) {
        const ranked = labelerId === labelers[0];
        await submit(slotId, labelerId, {
          decide: () => (ranked ? FIRST_WINS : { outcome: 'tie', ranks: [], displayedOrder: [0, 1] }),
        });
      }
    }
    let content: unknown;
    const frozen = await freeze(stepId, hash(stepId), (seen) => (content = seen));
    expect(frozen).toEqual({ artifactId: hash(stepId), judgements: 6 });
    const keys = set.comparisons.map(({ key }) => key).sort();
    expect(content).toMatchObject({
      comparisons: hash(JSON.stringify(set)),
      preferences: keys.flatMap((comparison) => [
        { comparison, ordinal: 0, outcome: 'ranked', ranks: [1, 2] },
        { comparison, ordinal: 1, outcome: 'tie', ranks: [] },
      ]),
    });
    const lines = await query<{ position: number; key: string; ordinal: number }>(
      record.app,
      `SELECT l.position, c.key, s.ordinal FROM snapshot_judgements l
         JOIN judgements j ON j.id = l.judgement_id JOIN slots s ON s.id = j.slot_id
         JOIN comparisons c ON c.id = s.comparison_id WHERE l.step_id = $1 ORDER BY l.position`,
      [stepId],
    );
    expect(lines).toEqual(
      keys.flatMap((key, index) => [
        { position: index * 2, key, ordinal: 0 },
        { position: index * 2 + 1, key, ordinal: 1 },
      ]),
    );
    expect(await freeze(stepId, hash('another'))).toEqual(frozen);
  });

  it('names labelers by pseudonym where the run wants it', async () => {
    const { runId, stepId, set } = await newCollection(record.app, {
      comparisons: 1,
      judgementsPerComparison: 2,
    });
    const labelers = [await newLabeler(record.app), await newLabeler(record.app)];
    for (const labelerId of labelers) await submit((await take(labelerId, runId))!, labelerId);
    let content: unknown;
    await freeze(stepId, hash(stepId), (seen) => (content = seen), { recordLabelers: true });
    const names = await query<{ pseudonym: string }>(
      record.app,
      `SELECT pseudonym FROM labelers WHERE id = ANY($1) ORDER BY array_position($1, id)`,
      [labelers],
    );
    const comparison = set.comparisons[0]!.key;
    expect(content).toMatchObject({
      preferences: names.map(({ pseudonym }, ordinal) => ({
        comparison,
        ordinal,
        outcome: 'ranked',
        labeler: pseudonym,
      })),
    });
  });
});
