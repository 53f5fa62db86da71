import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { text } from 'node:stream/consumers';
import { canonicalJson, writeCheckpoint } from '@plumbline/artifacts';
import type {
  ComparisonSet,
  JudgedComparison,
  PreferenceFileHeader,
  PreferenceSnapshot,
  RecordedJudgement,
} from '@plumbline/contracts';
import { labelerOf, listUnarchivedRuns, query, submitJudgement, takeNextSlot } from '@plumbline/database';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectingRun, newRun } from '../../test-support/collecting-run.js';
import { startTestApi, type TestApi } from '../../test-support/test-api.js';
import type { PreferenceImportDto } from './preferences.dto.js';

const TOKENIZER = createHash('sha256').update('tokenizer').digest('hex');

let api: TestApi;
let token: string;
/** A model whose vocabulary is 100 and whose context 8 tokens. */
let model: string;
beforeAll(async () => {
  api = await startTestApi();
  token = await api.token('researcher');
  model = await writeCheckpoint(api.artifacts, {
    step: 'import',
    index: 0,
    configuration: { model: { layers: 1, heads: 1, width: 8, context: 8, vocabulary: 100 } },
    weights: {},
    optimizer: {},
    state: {},
    references: { tokenizer: TOKENIZER },
  });
});
afterAll(() => api.stop());

const ranked = (...ranks: number[]): RecordedJudgement => ({ outcome: 'ranked', ranks });

function comparison(
  name: string,
  judgements: readonly RecordedJudgement[] = [ranked(1, 2)],
): JudgedComparison {
  return {
    prompt: [{ role: 'user', parts: [{ type: 'text', text: `${name}\u2028?` }] }],
    promptTokens: [1, 2],
    responses: [
      { text: `${name} a`, tokens: [3, 0] },
      { text: `${name} b`, tokens: [4, 5, 0] },
    ],
    split: 'train',
    judgements,
  };
}

function fileOf(
  comparisons: readonly JudgedComparison[],
  header: Partial<PreferenceFileHeader> = {},
): string {
  const complete: PreferenceFileHeader = {
    kind: 'plumbline-preferences',
    version: 1,
    tokenizer: TOKENIZER,
    guidelines: [{ version: 1, text: 'Prefer the kinder.' }],
    comparisons: comparisons.length,
    judgements: comparisons.reduce((sum, { judgements }) => sum + judgements.length, 0),
    ...header,
  };
  return [complete, ...comparisons].map((line) => `${canonicalJson(line)}\n`).join('');
}

function send(content: string, { by = token, ...changed }: Record<string, string> = {}): Promise<Response> {
  const source = {
    fileName: 'rows.jsonl',
    fileSha256: createHash('sha256').update(content).digest('hex'),
    fileBytes: String(Buffer.byteLength(content)),
    format: 'plumbline',
    model,
    rows: '1',
    malformed: '0',
    long: '0',
    identical: '0',
    truncated: '0',
    ...changed,
  };
  return fetch(`${api.url}/api/v1/preference-imports?${new URLSearchParams(source).toString()}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${by}`, 'content-type': 'application/x-ndjson' },
    body: content,
  });
}

async function imported(content: string, options: Record<string, string> = {}): Promise<PreferenceImportDto> {
  const response = await send(content, options);
  if (response.status !== 201) throw new Error(await response.text());
  return (await response.json()) as PreferenceImportDto;
}

function exported(runId: string, by = token): Promise<Response> {
  return fetch(`${api.url}/api/v1/runs/${runId}/preferences`, { headers: { authorization: `Bearer ${by}` } });
}

/** Everything that an import could leave behind. */
async function stored() {
  const tables = [
    'runs',
    'steps',
    'artifacts',
    'comparisons',
    'responses',
    'prompts',
    'labelers',
    'judgements',
    'events',
  ];
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const [row] = await query<{ n: number }>(api.database, `SELECT count(*)::integer AS n FROM ${table}`);
    counts[table] = row!.n;
  }
  const entries = await readdir(api.artifacts.directory, { recursive: true, withFileTypes: true });
  return { ...counts, files: entries.filter((entry) => entry.isFile()).length };
}

/** Everything that a file can say of a judgement, and nothing. */
const KNOWN: RecordedJudgement = {
  outcome: 'ranked',
  ranks: [2, 1],
  confidence: 7,
  margin: 0.25,
  labeler: 'w1',
  displayedOrder: [1, 0],
  guidelineVersion: 1,
  at: '2020-09-02T10:11:12.345Z',
  durationMs: 1500,
};
const FILE = fileOf([
  comparison('first', [KNOWN, ranked(1, 2), { ...KNOWN, confidence: 9 }]),
  { ...comparison('second', [{ outcome: 'tie', ranks: [], labeler: 'w2' }]), split: 'heldOut' },
  comparison('third', [
    { outcome: 'skipped', ranks: [], labeler: 'w1', reason: 'both are cut off' },
    { outcome: 'both_bad', ranks: [], labeler: 'w2' },
  ]),
]);

describe('an import', () => {
  it('is a run whose collect step is complete, with a snapshot that can be traced to each judgement', async () => {
    const result = await imported(FILE);
    expect(result).toMatchObject({ judgements: 5, comparisonCount: 3, heldOut: 1, created: true });
    const run = (await (
      await fetch(`${api.url}/api/v1/runs/${result.runId}`, { headers: { authorization: `Bearer ${token}` } })
    ).json()) as { status: string; steps: unknown[] };
    expect(run).toMatchObject({
      name: 'import of rows.jsonl',
      status: 'completed',
      steps: [
        {
          name: 'collect',
          status: 'completed',
          inputs: { comparisons: result.comparisons },
          outputs: { preferences: result.preferences },
          collection: { judged: 5, required: 5 },
        },
      ],
    });

    const set = await api.artifacts.getJson<ComparisonSet>(result.comparisons);
    expect(set).toMatchObject({ kind: 'comparison-set', tokenizer: TOKENIZER });
    expect(set.comparisons.map(({ responses }) => responses[0]!.text)).toEqual([
      'first a',
      'second a',
      'third a',
    ]);
    const snapshot = await api.artifacts.getJson<PreferenceSnapshot>(result.preferences);
    expect(snapshot.comparisons).toBe(result.comparisons);
    const key = set.comparisons[0]!.key;
    expect(snapshot.preferences.filter((record) => record.comparison === key)).toEqual([
      {
        comparison: key,
        ordinal: 0,
        outcome: 'ranked',
        ranks: [2, 1],
        confidence: 7,
        margin: 0.25,
        labeler: 'w1',
      },
      { comparison: key, ordinal: 1, outcome: 'ranked', ranks: [1, 2] },
      {
        comparison: key,
        ordinal: 2,
        outcome: 'ranked',
        ranks: [2, 1],
        confidence: 9,
        margin: 0.25,
        labeler: 'w1',
      },
    ]);

    const lines = await query<{
      comparison: string;
      ordinal: number;
      outcome: string;
      kind: string;
      name: string | null;
    }>(
      api.database,
      `SELECT c.key AS comparison, s.ordinal, j.outcome, l.kind, i.name
         FROM snapshot_judgements sj
         JOIN preference_snapshots p ON p.step_id = sj.step_id
         JOIN judgements j ON j.id = sj.judgement_id
         JOIN slots s ON s.id = j.slot_id
         JOIN comparisons c ON c.id = j.comparison_id
         JOIN labelers l ON l.id = j.labeler_id
         JOIN imported_labelers i ON i.labeler_id = l.id
        WHERE p.artifact_id = $1 ORDER BY sj.position`,
      [result.preferences],
    );
    expect(
      lines.map(({ comparison: of, ordinal, outcome }) => ({ comparison: of, ordinal, outcome })),
    ).toEqual(
      snapshot.preferences.map(({ comparison: of, ordinal, outcome }) => ({
        comparison: of,
        ordinal,
        outcome,
      })),
    );
    expect(lines.map(({ name }) => name)).toEqual(snapshot.preferences.map(({ labeler }) => labeler ?? null));
    expect(new Set(lines.map(({ kind }) => kind))).toEqual(new Set(['imported']));

    const [source] = await query<Record<string, unknown>>(
      api.database,
      `SELECT file_name, file_sha256, format, model, tokenizer FROM preference_imports WHERE run_id = $1`,
      [result.runId],
    );
    expect(source).toEqual({
      file_name: 'rows.jsonl',
      file_sha256: createHash('sha256').update(FILE).digest('hex'),
      format: 'plumbline',
      model,
      tokenizer: TOKENIZER,
    });
    await expect(query(api.database, `UPDATE preference_imports SET file_name = 'x'`)).rejects.toThrow(
      /permission|append/,
    );
    // It had no workflow, so there is no history to wait for.
    expect((await listUnarchivedRuns(api.database)).map(({ runId }) => runId)).not.toContain(result.runId);
  });

  it('is exported as it came', async () => {
    const { runId } = await imported(FILE);
    expect(await (await exported(runId)).text()).toBe(FILE);
  });

  it('is made once: the same file again changes nothing, at the same time neither', async () => {
    const content = fileOf([comparison('once')]);
    const answers = await Promise.all([
      imported(content),
      imported(content),
      imported(content, { fileName: 'other' }),
    ]);
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(answers.map(({ runId }) => runId)).size).toBe(1);
    const before = await stored();
    expect(await imported(content)).toMatchObject({ created: false, runId: answers[0].runId });
    expect(await stored()).toEqual(before);
  });

  it('of the same judgements from another file has the same artifacts', async () => {
    const content = fileOf([comparison('same')]);
    const first = await imported(content);
    const second = await imported(content, { fileSha256: 'c'.repeat(64) });
    expect(second).toMatchObject({
      comparisons: first.comparisons,
      preferences: first.preferences,
      created: true,
    });
    expect(second.runId).not.toBe(first.runId);
  });

  it('may have texts only, and no model', async () => {
    const { promptTokens: _, responses, ...rest } = comparison('texts');
    const textsOnly = {
      ...rest,
      promptTokens: [],
      responses: responses.map(({ text }) => ({ text, tokens: [] })),
    };
    // URLSearchParams has no absent values: this one is left out below.
    const content = fileOf([textsOnly], { tokenizer: null });
    const url = new URL(`${api.url}/api/v1/preference-imports`);
    const source = {
      fileName: 'a',
      fileSha256: 'd'.repeat(64),
      format: 'trl',
      fileBytes: 1,
      rows: 1,
      malformed: 0,
      long: 0,
      identical: 0,
      truncated: 0,
    };
    for (const [name, value] of Object.entries(source)) url.searchParams.set(name, String(value));
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: Buffer.from(content),
    });
    expect(response.status).toBe(201);
    const { runId, comparisons } = (await response.json()) as PreferenceImportDto;
    expect(await api.artifacts.getJson<ComparisonSet>(comparisons)).toMatchObject({ tokenizer: null });
    expect(await (await exported(runId)).text()).toBe(content);
  });

  it('takes thousands of comparisons', async () => {
    const many = Array.from({ length: 2345 }, (_, i) =>
      comparison(`c${i}`, [{ ...ranked(1, 2), labeler: `w${i % 7}` }]),
    );
    const content = fileOf(many);
    const { runId, judgements } = await imported(content);
    expect(judgements).toBe(2345);
    expect(await (await exported(runId)).text()).toBe(content);
  });
});

describe('an import that is refused', () => {
  const long = { ...comparison('long'), promptTokens: [1, 2, 3, 4, 5, 6] };
  const foreign = { ...comparison('foreign'), promptTokens: [100] };
  it.each<[string, string, Record<string, string>, RegExp]>([
    ['a line that is no JSON', `${FILE}oops\n`, {}, /line 5: not JSON/],
    [
      'a field that is wrong',
      fileOf([comparison('x'), comparison('y', [ranked(1, 1)])]),
      {},
      /line 3: judgements\[0\]\.ranks are all equal/,
    ],
    [
      'a file that was cut off',
      FILE.trimEnd().split('\n').slice(0, -1).join('\n'),
      {},
      /not whole: its header counts 3 comparisons/,
    ],
    [
      'the same comparison twice',
      fileOf([comparison('x'), comparison('x')]),
      {},
      /line 3: the comparison is there twice/,
    ],
    [
      'another tokenizer',
      fileOf([comparison('x')], { tokenizer: 'e'.repeat(64) }),
      {},
      /line 1: tokenizer must be the model's/,
    ],
    [
      'too many tokens',
      fileOf([long]),
      {},
      /line 2: responses\[1\]\.tokens and the prompt's are 9, the model takes 8/,
    ],
    [
      'a token that the model lacks',
      fileOf([foreign]),
      {},
      /line 2: a token is not below the model's vocabulary of 100/,
    ],
    [
      'nothing but skips',
      fileOf([comparison('x', [{ outcome: 'skipped', ranks: [] }])]),
      {},
      /there is no judgement in it/,
    ],
    ['nothing', '', {}, /the upload is empty/],
    ['no such model', FILE, { model: 'f'.repeat(64) }, /there is no checkpoint/],
    ['a format there is not', FILE, { format: 'csv' }, /format/],
    ['no hash of the file', FILE, { fileSha256: 'abc' }, /must be a SHA-256/],
  ])('leaves nothing behind: %s', async (_, content, options, message) => {
    const before = await stored();
    const response = await send(content, options);
    expect(response.status).toBe(422);
    expect(await response.text()).toMatch(message);
    expect(await stored()).toEqual(before);
  });

  it('is told at the first line that is wrong, however much follows', async () => {
    const source = { fileName: 'a', fileSha256: 'd'.repeat(64), format: 'trl', fileBytes: '1', rows: '1' };
    const query = { ...source, malformed: '0', long: '0', identical: '0', truncated: '0' };
    const url = `${api.url}/api/v1/preference-imports?${new URLSearchParams(query).toString()}`;
    const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const request = requestHttp(url, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
      request.once('error', reject).once('response', (response) => {
        text(response).then((body) => resolve({ status: response.statusCode!, body }), reject);
      });
      request.write('oops\n');
      const more = Buffer.alloc(1 << 20, 'x');
      for (let i = 0; i < 40; i++) request.write(more);
      request.end();
    });
    expect(answer).toMatchObject({ status: 422, body: expect.stringMatching(/line 1: not JSON/) as string });
  });

  it('is refused to those who may not, and judgements are not for labelers to read', async () => {
    const { runId } = await imported(FILE);
    for (const role of ['labeler', 'lead', 'auditor'] as const) {
      expect((await send(FILE, { by: await api.token(role) })).status).toBe(403);
    }
    expect((await exported(runId, await api.token('labeler'))).status).toBe(403);
    expect((await exported(runId, await api.token('auditor'))).status).toBe(200);
  });
});

describe('an export', () => {
  it('is of what was judged so far, by pseudonym, with the order shown and the guideline', async () => {
    const { runId, comparisons } = await judgedHere();
    const lines = (await (await exported(runId)).text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    const [header, ...judged] = lines as [PreferenceFileHeader, ...JudgedComparison[]];
    expect(header).toMatchObject({
      tokenizer: null,
      guidelines: [{ version: 1, text: 'Prefer the kinder one.' }],
      comparisons: 1,
      judgements: 1,
    });
    expect(judged).toHaveLength(1);
    expect(judged[0]!.responses.map(({ text }) => text)).toEqual(
      comparisons[0]!.responses.map(({ text }) => text),
    );
    expect(judged[0]!.judgements).toEqual([
      {
        outcome: 'ranked',
        ranks: [1, 2],
        labeler: expect.stringMatching(/^labeler-/) as string,
        displayedOrder: [1, 0],
        guidelineVersion: 1,
        at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
        durationMs: 1234,
      },
    ]);
  });

  it('is refused for a run without judgements, and for none', async () => {
    expect((await exported(await newRun(api))).status).toBe(409);
    expect((await exported('00000000-0000-4000-8000-000000000000')).status).toBe(404);
  });
});

/** A run of this record that one of two comparisons has been judged of. */
async function judgedHere() {
  const { runId, stepId } = await collectingRun(api, { comparisons: 2 });
  const rows = await query<{ key: string; position: number }>(
    api.database,
    `SELECT key, position FROM comparisons WHERE step_id = $1 ORDER BY position`,
    [stepId],
  );
  const comparisons = rows.map(({ key, position }) => ({
    key,
    split: 'train' as const,
    prompt: [],
    promptTokens: [1],
    responses: ['first', 'second'].map((name) => ({ key, text: `${name} of ${position}`, tokens: [2] })),
  }));
  const id = await api.artifacts.putJson({ kind: 'comparison-set', comparisons });
  await query(
    api.database,
    `INSERT INTO artifacts (id, kind, media_type, bytes) VALUES ($1, 'comparison-set', 'application/json', 1)`,
    [id],
  );
  await query(api.database, `UPDATE collections SET comparison_set = $2 WHERE step_id = $1`, [stepId, id]);
  const labelerId = await labelerOf(api.database, (await api.user('labeler')).id);
  const slot = await takeNextSlot(api.database, { labelerId, runId });
  await submitJudgement(api.database, {
    labelerId,
    slotId: slot!.slotId,
    runId,
    idempotencyKey: 'k',
    body: {},
    durationMs: 1234,
    decide: () => ({ outcome: 'ranked', ranks: [1, 2], displayedOrder: [1, 0] }),
  });
  return { runId, comparisons };
}
