import { FileArtifactStore } from '@plumbline/artifacts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DataError,
  readStoredSupervisedData,
  readSupervisedData,
  writeSupervisedData,
  type CorpusTokenizer,
  type SupervisedExamples,
} from './index.js';

/** One token a character; the end of text is `|`. */
const tokenizer: CorpusTokenizer = {
  endOfText: '|'.codePointAt(0)!,
  encode: (text) => Array.from(text, (character) => character.codePointAt(0)!),
  startsWord: () => false,
};

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'supervised-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function read(rows: string | readonly object[], longRows: 'refuse' | 'truncate' | 'drop' = 'refuse') {
  const file = join(directory, 'rows.jsonl');
  const text = typeof rows === 'string' ? rows : rows.map((row) => JSON.stringify(row)).join('\n');
  await writeFile(file, text);
  return readSupervisedData(file, tokenizer, {
    maximumTokens: 80,
    longRows,
    breathe: () => Promise.resolve(),
  });
}

/** Each example as text, what is learned in brackets. */
function shown({ tokens, learned, starts }: SupervisedExamples): string[] {
  return Array.from(starts, (start, i) => {
    let text = '';
    for (let at = start; at < (starts[i + 1] ?? tokens.length); at++) {
      if (learned[at] === 1 && (at === start || learned[at - 1] === 0)) text += '[';
      if (learned[at] === 0 && at > start && learned[at - 1] === 1) text += ']';
      text += String.fromCodePoint(tokens[at]!);
    }
    return text + (text.lastIndexOf('[') > text.lastIndexOf(']') ? ']' : '');
  });
}

/** The examples of both sides: which side one falls on is the hash's business. */
async function examples(rows: readonly object[]): Promise<string[]> {
  const { data } = await read([...rows, { prompt: 'p', completion: 'c' }]);
  return [...shown(data.train), ...shown(data.heldOut)].filter((text) => text !== 'p[c|]');
}

describe('rows', () => {
  it('learn the completion and the end after it', async () => {
    expect(await examples([{ prompt: 'Say hi:', completion: ' hi', source: 'x' }])).toEqual([
      'Say hi:[ hi|]',
    ]);
  });

  it('without a prompt begin after an end of text, as documents do', async () => {
    expect(await examples([{ prompt: '', completion: 'hi' }])).toEqual(['|[hi|]']);
  });

  it('of conversations learn what the assistant says', async () => {
    const messages = [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hey' },
      { role: 'user', content: 'Bye' },
      { role: 'assistant', content: 'Bye!' },
    ];
    const before = 'Be kind.\n\nUser: Hi\n\nAssistant:';
    expect(await examples([{ messages }])).toEqual([`${before}[ Hey|]User: Bye\n\nAssistant:[ Bye!|]`]);
    // As prompt and completion, only the last answer is learned.
    expect(await examples([{ prompt: messages.slice(0, 4), completion: messages.slice(4) }])).toEqual([
      `${before} Hey|User: Bye\n\nAssistant:[ Bye!|]`,
    ]);
  });

  it.each<[string, object, string]>([
    [
      'neither form',
      { text: 'a' },
      'no key prompt (wanted: prompt and completion, or messages; the row has text)',
    ],
    ['no completion', { prompt: 'a' }, 'no key completion'],
    [
      'two forms',
      { prompt: 'a', completion: [] },
      'prompt and completion must both be strings, or both be lists',
    ],
    ['an empty completion', { prompt: 'a', completion: ' ' }, 'completion is empty'],
    ['nobody answering', { messages: [{ role: 'user', content: 'a' }] }, 'must have an assistant message'],
    ['another role', { messages: [{ role: 'tool', content: 'a' }] }, 'messages[0].role must be system, user'],
    ['no content', { messages: [{ role: 'user' }] }, 'messages[0].content must be a string'],
    ['no messages', { messages: [] }, 'messages must be a list of messages'],
    ['a message that is null', { messages: [null] }, 'messages[0].role'],
    [
      'a long text',
      { prompt: 'a'.repeat(100), completion: 'b' },
      'the row has 102 tokens, the model takes 80',
    ],
  ])('with %s are refused with file and line', async (_, row, message) => {
    const reading = read([{ prompt: 'p', completion: 'c' }, row]);
    await expect(reading).rejects.toThrow(DataError);
    await expect(reading).rejects.toThrow(`rows.jsonl:2: `);
    await expect(reading).rejects.toThrow(message);
  });
});

describe('long rows', () => {
  const rows = [
    { prompt: 'p', completion: 'c' },
    { prompt: 'q', completion: 'c' },
    { prompt: 'a', completion: 'b'.repeat(100) },
    { prompt: 'a'.repeat(100), completion: 'b' },
  ];

  it('are cut off at their end, and left out where nothing learned is left', async () => {
    const { data, dropped } = await read(rows, 'truncate');
    const all = [...shown(data.train), ...shown(data.heldOut)].sort();
    expect(all).toEqual([`a[${'b'.repeat(79)}]`, 'p[c|]', 'q[c|]']);
    expect(dropped).toBe(1);
  });

  it('are left out', async () => {
    const { data, dropped } = await read(rows, 'drop');
    expect([...shown(data.train), ...shown(data.heldOut)].sort()).toEqual(['p[c|]', 'q[c|]']);
    expect(dropped).toBe(2);
  });
});

describe('data', () => {
  it('is split by hash, stored and read again', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({ prompt: `${i}`, completion: 'c' }));
    const { data, hash } = await read(rows);
    expect(data.train.starts.length + data.heldOut.starts.length).toBe(200);
    expect(data.heldOut.starts.length).toBeGreaterThan(8);
    expect(data.heldOut.starts.length).toBeLessThan(40);
    expect((await read(rows.slice(1))).hash).not.toBe(hash);
    const artifacts = new FileArtifactStore(join(directory, 'artifacts'));
    const id = await writeSupervisedData(artifacts, data);
    expect(await readStoredSupervisedData(artifacts, id)).toEqual(data);
  });

  it('needs two different rows, of JSON Lines', async () => {
    await expect(read([])).rejects.toThrow(/^sft\.data: .*rows\.jsonl: no rows; .* at least two/);
    await expect(read([{ prompt: 'a', completion: 'b' }])).rejects.toThrow(/one row only/);
    const file = join(directory, 'rows.csv');
    await writeFile(file, 'a,b');
    const options = { maximumTokens: 9, longRows: 'drop', breathe: () => Promise.resolve() } as const;
    await expect(readSupervisedData(file, tokenizer, options)).rejects.toThrow(
      /rows\.csv: must be JSON Lines file/,
    );
  });
});
