import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CorpusError, loadCorpus, splitByHash } from './index.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'corpus-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

describe('loadCorpus', () => {
  it('has the State of the Union addresses', async () => {
    const { train, heldOut } = await loadCorpus('sotu');
    expect(train.length + heldOut.length).toBe(233);
    expect(heldOut.length).toBeGreaterThan(12);
    expect(heldOut.length).toBeLessThan(40);
    expect(train.some((text) => heldOut.includes(text))).toBe(false);
  });

  it('splits a file at its separator, else at blank lines', async () => {
    const separated = await loadCorpus(await file('a.txt', 'one\n\nstill one<|endoftext|>two<|endoftext|>'));
    expect([...separated.train, ...separated.heldOut].sort()).toEqual(['one\n\nstill one', 'two']);
    const blank = await loadCorpus(await file('b.txt', 'one\r\n\r\ntwo\n \nthree\n'));
    expect([...blank.train, ...blank.heldOut].sort()).toEqual(['one', 'three', 'two']);
  });

  it('names the key and the path of what it cannot use', async () => {
    await expect(loadCorpus(join(directory, 'none.txt'))).rejects.toThrow(CorpusError);
    await expect(loadCorpus(join(directory, 'none.txt'))).rejects.toThrow(
      /^pretrain\.corpus: .*none\.txt: no such file/,
    );
    await expect(loadCorpus(await file('c.txt', 'one document'))).rejects.toThrow(
      /pretrain\.corpus: .*at least two/,
    );
    await expect(loadCorpus(await file('d.txt', new Uint8Array([0x61, 0xff])))).rejects.toThrow(/not UTF-8/);
  });
});

describe('splitByHash', () => {
  it('holds out about a tenth, whatever the order, copies on one side', () => {
    const documents = Array.from({ length: 2000 }, (_, i) => `document ${i}`);
    const { train, heldOut } = splitByHash([...documents, ...documents]);
    expect(heldOut.length / 4000).toBeGreaterThan(0.08);
    expect(heldOut.length / 4000).toBeLessThan(0.12);
    expect(new Set(train).size + new Set(heldOut).size).toBe(2000);
    expect(new Set(splitByHash([...documents].reverse()).heldOut)).toEqual(new Set(heldOut));
  });

  it('puts something on both sides of the smallest corpus', () => {
    for (let i = 0; i < 50; i++) {
      const { train, heldOut } = splitByHash([`a${i}`, `b${i}`]);
      expect([train.length, heldOut.length]).toEqual([1, 1]);
    }
  });
});
