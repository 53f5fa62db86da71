import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { canonicalJson } from '@plumbline/artifacts';
import type { JudgedComparison, PreferenceFileHeader } from '@plumbline/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  MAXIMUM_PROBLEMS,
  preparePreferences,
  type PreferenceImportOptions,
} from './prepare-preferences.js';
import { comparisonsFor } from './tokenize.js';

/** A token is a character's code; 0 ends a text. */
const MODEL = {
  tokenizer: { endOfText: 0, encode: (text: string) => Array.from(text, (c) => c.charCodeAt(0)) },
  tokenizerId: 'a'.repeat(64),
  context: 40,
};
const OPTIONS: Omit<PreferenceImportOptions, 'spool'> = {
  format: 'trl',
  model: null,
  heldOut: null,
  longRows: 'refuse',
  malformedRows: 'refuse',
};

let folder: string;
let spools = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plumbline-prepare-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function prepare(
  content: string | Buffer,
  options: Partial<PreferenceImportOptions> = {},
  name = 'rows.jsonl',
) {
  const path = join(folder, name);
  await writeFile(path, content);
  return preparePreferences(path, { ...OPTIONS, ...options, spool: join(folder, `spool-${spools++}`) });
}

async function read(prepared: Awaited<ReturnType<typeof prepare>>) {
  const lines: unknown[] = [];
  for await (const line of prepared.lines()) lines.push(JSON.parse(line));
  const [header, ...comparisons] = lines;
  return { header: header as PreferenceFileHeader, comparisons: comparisons as JudgedComparison[] };
}

async function problems(
  content: string | Buffer,
  options: Partial<PreferenceImportOptions> = {},
  name?: string,
): Promise<string> {
  const error: unknown = await prepare(content, options, name).catch((thrown: unknown) => thrown);
  if (!(error instanceof Error)) throw new Error('the file was not refused');
  return error.message.replaceAll(folder, '');
}

const row = (prompt: string, chosen = ' good', rejected = ' bad') =>
  JSON.stringify({ prompt, chosen, rejected });
const rows = (count: number) => Array.from({ length: count }, (_, i) => row(`p${i}`)).join('\n');

describe('a file of rows', () => {
  it('becomes comparisons, those of equal content joined, in the order of their first rows', async () => {
    const content = [row('b'), row('a'), '', row('b', ' bad', ' good')].join('\r\n');
    const prepared = await prepare(content);
    const { header, comparisons } = await read(prepared);
    expect(header).toMatchObject({ tokenizer: null, comparisons: 2, judgements: 3 });
    expect(prepared).toMatchObject({
      rows: 3,
      file: { name: 'rows.jsonl', bytes: Buffer.byteLength(content) },
    });
    expect(comparisons.map(({ prompt }) => prompt[0]!.parts[0]!.text)).toEqual(['b', 'a']);
    const ranks = comparisons[0]!.judgements.map((judgement) => judgement.ranks);
    expect(ranks[0]).toEqual([...ranks[1]!].reverse());
    expect(comparisons[0]!.promptTokens).toEqual([]);
  });

  it('is read gzipped, too', async () => {
    const prepared = await prepare(gzipSync(rows(3)), {}, 'rows.jsonl.gz');
    expect((await read(prepared)).comparisons).toHaveLength(3);
  });

  it('has tokens where a model is given: text as it stands, a conversation as in fine-tuning', async () => {
    const chat = {
      prompt: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
        { role: 'user', content: 'c' },
      ],
      chosen: [{ role: 'assistant', content: 'x' }],
      rejected: [{ role: 'assistant', content: 'y' }],
    };
    const content = `${row('It is')}\n${JSON.stringify(chat)}`;
    const { header, comparisons } = await read(await prepare(content, { model: { ...MODEL, context: 99 } }));
    expect(header.tokenizer).toBe(MODEL.tokenizerId);
    const text = (tokens: readonly number[]) =>
      tokens.map((t) => (t === 0 ? '|' : String.fromCharCode(t))).join('');
    expect(comparisons.map(({ promptTokens }) => text(promptTokens))).toEqual([
      'It is',
      'User: a\n\nAssistant: b|User: c\n\nAssistant:',
    ]);
    expect(comparisons.map(({ responses }) => responses.map(({ tokens }) => text(tokens)).sort())).toEqual([
      [' bad|', ' good|'],
      [' x|', ' y|'],
    ]);
  });

  it('splits by prompt: the same prompt is on one side, and both sides have some', async () => {
    const content = Array.from({ length: 200 }, (_, i) => row(`p${i % 50}`, ` ${i}`)).join('\n');
    for (const [heldOut, low, high] of [
      [null, 1, 15],
      [0.5, 15, 35],
      [0, 0, 0],
    ] as const) {
      const prepared = await prepare(content, { heldOut });
      const sides = new Map<string, Set<string>>();
      for (const { prompt, split } of (await read(prepared)).comparisons) {
        const key = JSON.stringify(prompt);
        sides.set(key, (sides.get(key) ?? new Set()).add(split));
      }
      expect([...sides.values()].every((side) => side.size === 1)).toBe(true);
      const held = [...sides.values()].filter((side) => side.has('heldOut')).length;
      expect(held).toBeGreaterThanOrEqual(low);
      expect(held).toBeLessThanOrEqual(high);
      expect(prepared.heldOut).toBe(held * 4);
    }
  });

  it('leaves out rows whose responses are the same, and counts them', async () => {
    const prepared = await prepare([row('a'), row('b', ' same', ' same')].join('\n'));
    expect(prepared.leftOut).toEqual({ malformed: 0, long: 0, identical: 1 });
    expect(prepared.header.comparisons).toBe(1);
  });
});

describe('rows longer than the context', () => {
  // 30 characters of prompt, 20 of the longer response and the end: 51 tokens of 40.
  const long = row('p'.repeat(30), ' ' + 'x'.repeat(19), ' y');
  const options = { model: MODEL };

  it('are refused with their lines', async () => {
    expect(await problems(`${row('a')}\n${long}`, options)).toBe(
      '/rows.jsonl:2: prompt and response have 51 tokens, the model takes 40 ' +
        '(--long-rows truncate cuts off the ends of responses, drop leaves such rows out)',
    );
  });

  it('are left out', async () => {
    const prepared = await prepare(`${row('a')}\n${long}`, { ...options, longRows: 'drop' });
    expect(prepared).toMatchObject({ leftOut: { long: 1 }, header: { comparisons: 1 } });
  });

  it('have the ends of their responses cut off; what was judged stays as text', async () => {
    const hopeless = row('p'.repeat(40));
    const prepared = await prepare(`${long}\n${hopeless}`, { ...options, longRows: 'truncate' });
    expect(prepared).toMatchObject({ leftOut: { long: 1 }, truncated: 1 });
    const { responses } = (await read(prepared)).comparisons[0]!;
    const cut = responses.find(({ text }) => text.includes('x'))!;
    expect(cut.text).toBe(' ' + 'x'.repeat(19));
    expect(cut.tokens).toEqual(MODEL.tokenizer.encode(cut.text).slice(0, 10));
    expect(responses.find(({ text }) => text === ' y')!.tokens).toEqual([32, 121, 0]);
  });

  it('do not matter without a model', async () => {
    expect((await prepare(long)).header.comparisons).toBe(1);
  });
});

describe('a file that cannot be used', () => {
  it('is refused with every row at fault, by line', async () => {
    const content = [
      row('a'),
      'oops',
      '[1]',
      '',
      '{"prompt":"x","chosen":"y"}',
      '{"prompt":"x","chosen":"a\\u0000","rejected":"b"}',
      '{"prompt":"x","chosen":"\\ud800","rejected":"b"}',
    ].join('\n');
    const lines = (await problems(content)).split('\n');
    expect(lines.map((line) => /:(\d+): /.exec(line)?.[1])).toEqual(['2', '3', '5', '6', '7']);
    expect(lines[0]).toMatch(/not a row of JSON/);
    expect(lines[1]).toMatch(/must be a JSON object/);
    expect(lines[2]).toMatch(/no key rejected/);
    expect(lines[3]).toMatch(/U\+0000/);
    expect(lines[4]).toMatch(/surrogate/);
  });

  it('says how many more there are than it names', async () => {
    const lines = (await problems('x\n'.repeat(MAXIMUM_PROBLEMS + 5))).split('\n');
    expect(lines).toHaveLength(MAXIMUM_PROBLEMS + 1);
    expect(lines.at(-1)).toBe('/rows.jsonl: and 5 more');
  });

  it('goes without its malformed rows where that is asked for', async () => {
    const prepared = await prepare(`${row('a')}\noops`, { malformedRows: 'drop' });
    expect(prepared).toMatchObject({ rows: 1, leftOut: { malformed: 1 }, header: { comparisons: 1 } });
  });

  it.each<[string, string | Buffer, Partial<PreferenceImportOptions>, string | undefined, RegExp]>([
    ['nothing in it', '\n\n', {}, undefined, /no rows/],
    ['bytes that are no text', Buffer.from([0x7b, 0xff, 0x7d]), {}, undefined, /:1: not UTF-8/],
    ['a gzip that is cut off', gzipSync(rows(2000)).subarray(0, 200), {}, 'rows.jsonl.gz', /truncated/],
    ['Parquet', 'PAR1....', {}, 'rows.parquet', /is a Parquet file/],
    ['no header', row('a'), { format: 'plumbline' }, undefined, /:1: kind is missing/],
    ['nothing but rows of equal responses', row('a', 'x', 'x'), {}, undefined, /1 of identical responses/],
  ])('is refused: %s', async (_, content, options, name, message) => {
    expect(await problems(content, options, name)).toMatch(message);
  });

  it('is refused when there is none', async () => {
    const path = join(folder, 'nothing.jsonl');
    const reading = preparePreferences(path, { ...OPTIONS, spool: join(folder, 'none') });
    await expect(reading).rejects.toThrow(`${path}: no such file`);
  });

  it('is refused where a labeler is an e-mail address', async () => {
    const comparison = {
      info: { post: 'x' },
      summaries: [{ text: 'a' }, { text: 'b' }],
      choice: 0,
      worker: 'ann@example.org',
    };
    const message = await problems(JSON.stringify(comparison), { format: 'openai' });
    expect(message).toMatch(/:1: the labeler is an e-mail address/);
  });
});

describe("Plumbline's own format", () => {
  const file = async (content: string, options: Partial<PreferenceImportOptions> = {}) => {
    let text = '';
    for await (const line of (await prepare(content, options)).lines()) text += line;
    return text;
  };

  it('is written as it was read, split and tokens with it', async () => {
    const text = await file(rows(40), { model: MODEL, heldOut: 0.3 });
    expect(await file(text, { format: 'plumbline' })).toBe(text);
    expect(await file(text, { format: 'plumbline', model: MODEL })).toBe(text);
  });

  it('keeps all that is known of a judgement', async () => {
    const header = {
      kind: 'plumbline-preferences',
      version: 1,
      tokenizer: null,
      guidelines: [{ version: 2, text: 'Prefer the kinder.' }],
      comparisons: 1,
      judgements: 3,
    };
    const comparison: JudgedComparison = {
      prompt: [{ role: 'system', parts: [{ type: 'text', text: 'x' }] }],
      promptTokens: [],
      responses: [
        { text: 'b', tokens: [] },
        { text: 'a', tokens: [] },
      ],
      split: 'heldOut',
      judgements: [
        {
          outcome: 'ranked',
          ranks: [2, 1],
          confidence: 7,
          margin: 0.5,
          labeler: 'labeler-1',
          displayedOrder: [1, 0],
          guidelineVersion: 2,
          at: '2026-01-31T12:00:00.000Z',
          durationMs: 1200,
        },
        { outcome: 'both_bad', ranks: [], labeler: 'labeler-2' },
        { outcome: 'skipped', ranks: [], reason: 'not sure' },
      ],
    };
    const text = [header, comparison].map((line) => `${canonicalJson(line)}\n`).join('');
    expect(await file(text, { format: 'plumbline' })).toBe(text);
  });

  it('makes tokens of its texts for a model with another tokenizer', async () => {
    const text = await file(rows(2), { model: MODEL });
    const other = { ...MODEL, tokenizerId: 'b'.repeat(64), tokenizer: { endOfText: 9, encode: () => [1] } };
    const { header, comparisons } = await read(await prepare(text, { format: 'plumbline', model: other }));
    expect(header.tokenizer).toBe(other.tokenizerId);
    expect(comparisons[0]!.responses.map(({ tokens }) => tokens)).toEqual([
      [1, 9],
      [1, 9],
    ]);
  });

  it('shows when it was cut off', async () => {
    const text = await file(rows(3));
    const cut = text.trimEnd().split('\n').slice(0, -1).join('\n');
    expect(await problems(cut, { format: 'plumbline' })).toMatch(
      /counts 3 comparisons, the file has 2: it is not whole/,
    );
  });
});

describe('a set for a model', () => {
  const comparison = {
    key: 'k',
    split: 'train' as const,
    prompt: [{ role: 'document' as const, parts: [{ type: 'text' as const, text: 'ab' }] }],
    promptTokens: [],
    responses: [
      { key: 'k0', text: 'c', tokens: [] },
      { key: 'k1', text: 'd', tokens: [] },
    ],
  };

  it('has the tokens it came with when they are the model’s, or were sampled', () => {
    const comparisons = [{ ...comparison, promptTokens: [5] }];
    expect(comparisonsFor({ comparisons }, MODEL)).toBe(comparisons);
    expect(comparisonsFor({ comparisons, tokenizer: MODEL.tokenizerId }, MODEL)).toBe(comparisons);
  });

  it.each([null, 'b'.repeat(64)])('is tokenised when they are not (%s), under the same keys', (tokenizer) => {
    const [made] = comparisonsFor({ comparisons: [comparison], tokenizer }, MODEL);
    expect(made).toEqual({
      ...comparison,
      promptTokens: [97, 98],
      responses: [
        { key: 'k0', text: 'c', tokens: [99, 0] },
        { key: 'k1', text: 'd', tokens: [100, 0] },
      ],
    });
  });

  it('is refused when that makes it too long', () => {
    expect(() =>
      comparisonsFor({ comparisons: [comparison], tokenizer: null }, { ...MODEL, context: 3 }),
    ).toThrow(/1 of 1 comparisons are longer than the model's context of 3 tokens \(the longest has 4\)/);
  });
});
