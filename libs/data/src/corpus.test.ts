import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, DocumentSplit, openCorpus, tokenizerSample, type Corpus } from './index.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'corpus-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(directory, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

async function documents(corpus: Corpus): Promise<string[]> {
  const texts: string[] = [];
  for await (const some of corpus.read()) texts.push(...some.map(({ text }) => text));
  return texts;
}

const read = async (path: string, textKey = 'text') => documents(await openCorpus(path, textKey));

describe('packaged corpora', () => {
  it.each([
    ['sotu', 233, 12, 40],
    ['moby-dick', 139, 5, 30],
  ])('%s', async (name, count, least, most) => {
    const corpus = await openCorpus(name, 'text');
    const all: { text: string; heldOut: boolean }[] = [];
    for await (const some of corpus.read()) all.push(...some);
    expect(all).toHaveLength(count);
    expect(corpus.documents).toBe(count);
    const heldOut = all.filter((document) => document.heldOut).length;
    expect(heldOut).toBeGreaterThan(least);
    expect(heldOut).toBeLessThan(most);
  });
});

describe('text files', () => {
  it('are split at the separator, else at blank lines', async () => {
    const separated = await file('a.txt', 'one\n\nstill one<|endoftext|>two<|endoftext|>\n three\n');
    expect(await read(separated)).toEqual(['one\n\nstill one', 'two', 'three']);
    expect(await read(await file('b.txt', '\n\none\n\ntwo\n \n\nthree'))).toEqual(['one', 'two', 'three']);
  });

  it('may have a byte order mark and CRLF, which are no text', async () => {
    const windows = await file('c.txt', '\uFEFFone\r\nmore\r\n\r\ntwo\r\n');
    expect(await read(windows)).toEqual(['one\nmore', 'two']);
    const unix = await openCorpus(await file('d.txt', 'one\nmore\n\ntwo\n'), 'text');
    expect((await openCorpus(windows, 'text')).hash).toBe(unix.hash);
  });

  it('keep characters whole that lie across the chunks in which they are read', async () => {
    const long = 'é😀'.repeat(200_000);
    expect(await read(await file('e.txt', `x${long}\n\ny${long}`))).toEqual([`x${long}`, `y${long}`]);
  });

  it('are read again as a stream, and must be what they were', async () => {
    const path = await file('f.txt', 'one\n\ntwo\n\nthree');
    const corpus = await openCorpus(path, 'text');
    expect(await documents(corpus)).toEqual(await documents(corpus));
    await writeFile(path, 'one\n\ntwo\n\nfour');
    await expect(documents(corpus)).rejects.toThrow(/f\.txt: the text changed while it was read/);
  });
});

describe('JSON Lines files', () => {
  it('have a document a row, by the key that is asked for', async () => {
    const path = await file('a.jsonl', '{"text":"one","body":"eins"}\r\n\n{"text":"two","body":"zwei"}');
    expect(await read(path)).toEqual(['one', 'two']);
    expect(await read(path, 'body')).toEqual(['eins', 'zwei']);
  });

  it('leave out empty documents and split rows that hold several', async () => {
    const path = await file('b.jsonl', '{"text":" "}\n{"text":"a<|endoftext|>b"}\n{"text":""}\n{"text":"c"}');
    expect(await read(path)).toEqual(['a', 'b', 'c']);
  });

  it.each([
    ['no JSON', '{"text":"a"}\n{"text":', /bad\.jsonl:2: not a row of JSON/],
    ['no object', '["a"]', /bad\.jsonl:1: the row must be a JSON object/],
    ['no text', '{"text":"a"}\n\n{"body":"a"}', /bad\.jsonl:3: no key text \(the row has body; textKey/],
    ['a text that is no string', '{"text":5}', /bad\.jsonl:1: text must be a string/],
    ['bad UTF-8', Buffer.from([0x7b, 0x7d, 10, 0xff]), /bad\.jsonl:[12]: /],
  ])('with %s are refused with file and line', async (_, content, message) => {
    await expect(openCorpus(await file('bad.jsonl', content), 'text')).rejects.toThrow(message);
  });
});

describe('gzipped files', () => {
  it('are what they hold', async () => {
    const text = 'one\n\ntwo\n\nthree';
    const plain = await openCorpus(await file('g.txt', text), 'text');
    const gzipped = await openCorpus(await file('g.txt.gz', gzipSync(text)), 'text');
    expect(gzipped.hash).toBe(plain.hash);
  });

  it('that are truncated or damaged are refused with the file', async () => {
    const whole = gzipSync(Buffer.from(Array.from({ length: 5000 }, (_, i) => `line ${i * i}\n\n`).join('')));
    const cut = await file('cut.txt.gz', whole.subarray(0, whole.length - 100));
    await expect(openCorpus(cut, 'text')).rejects.toThrow(/cut\.txt\.gz.*truncated/);
    const none = await file('none.txt.gz', 'plain text');
    await expect(openCorpus(none, 'text')).rejects.toThrow(/none\.txt\.gz: damaged gzip data/);
  });
});

describe('folders', () => {
  it('are read whole, in the order of paths, without what is hidden, linked or of another kind', async () => {
    await file('folder/b/second.jsonl.gz', gzipSync('{"text":"two"}\n'));
    await file('folder/a.txt', 'one');
    await file('folder/c.md', 'three');
    await file('folder/notes.csv', 'no');
    await file('folder/.hidden/d.txt', 'no');
    await symlink(await file('elsewhere.txt', 'no'), join(directory, 'folder/link.txt'));
    expect(await read(join(directory, 'folder'))).toEqual(['one', 'two', 'three']);
  });

  it('with nothing to read are refused', async () => {
    await file('empty/readme.pdf', 'no');
    await expect(openCorpus(join(directory, 'empty'), 'text')).rejects.toThrow(
      /^pretrain\.corpus: .*empty: the folder has no text or JSON Lines file \(\.txt, \.md, \.jsonl, \.ndjson/,
    );
  });
});

describe('what cannot be used', () => {
  it('is named with the configuration’s key', async () => {
    await expect(openCorpus(join(directory, 'none.txt'), 'text')).rejects.toThrow(DataError);
    await expect(openCorpus(join(directory, 'none.txt'), 'text')).rejects.toThrow(
      /^pretrain\.corpus: .*none\.txt: no such file/,
    );
    await expect(openCorpus(await file('h.txt', 'one document'), 'text')).rejects.toThrow(
      /^pretrain\.corpus: .*h\.txt: one document only; .*at least two/,
    );
    await expect(openCorpus(await file('i.txt', '\n\n'), 'text')).rejects.toThrow(/no documents/);
    const twice = await file('twice.txt', 'same\n\nsame');
    await expect(openCorpus(twice, 'text')).rejects.toThrow(/at least two that differ/);
    const bad = Buffer.concat([Buffer.from('good\nline\n'), Buffer.of(0x61, 0xff, 10)]);
    await expect(openCorpus(await file('j.txt', bad), 'text')).rejects.toThrow(/j\.txt:3: not UTF-8 text/);
  });
});

describe('DocumentSplit', () => {
  const sides = (texts: readonly string[]): Map<string, boolean> => {
    const split = new DocumentSplit();
    const hashes = texts.map((text) => [text, split.add(text)] as const);
    return new Map(hashes.map(([text, hash]) => [text, split.isHeldOut(hash)]));
  };

  it('holds out about a tenth, whatever the order, copies on one side', () => {
    const texts = Array.from({ length: 2000 }, (_, i) => `document ${i}`);
    const found = sides([...texts, ...texts]);
    const heldOut = [...found.values()].filter(Boolean).length;
    expect(heldOut).toBeGreaterThan(160);
    expect(heldOut).toBeLessThan(240);
    expect(sides([...texts].reverse())).toEqual(new Map([...found].reverse()));
  });

  it('puts something on both sides of the smallest corpus', () => {
    for (let i = 0; i < 50; i++) {
      expect([...sides([`a${i}`, `b${i}`]).values()].sort()).toEqual([false, true]);
    }
  });
});

describe('tokenizerSample', () => {
  it('is all training text where that fits, and within its limit where not, always the same', async () => {
    const texts = Array.from({ length: 400 }, (_, i) => `document ${i} `.repeat(20).trim());
    const corpus = await openCorpus(await file('sample.txt', texts.join('\n\n')), 'text');
    const training: string[] = [];
    for await (const some of corpus.read())
      training.push(...some.filter(({ heldOut }) => !heldOut).map(({ text }) => text));
    expect(await tokenizerSample(corpus, 1e9)).toEqual(training);
    const sample = await tokenizerSample(corpus, 20_000);
    const size = sample.reduce((sum, text) => sum + text.length, 0);
    expect(size).toBeLessThanOrEqual(20_000);
    expect(size).toBeGreaterThan(10_000);
    expect(await tokenizerSample(corpus, 20_000)).toEqual(sample);
    expect((await tokenizerSample(corpus, 5)).join('')).toHaveLength(5);
  });
});
