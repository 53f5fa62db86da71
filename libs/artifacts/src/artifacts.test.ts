import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  canonicalJson,
  decodeSafetensors,
  encodeSafetensors,
  FileArtifactStore,
  readCheckpoint,
  sha256,
  writeCheckpoint,
  type CheckpointContent,
  type CheckpointManifest,
} from './index.js';

let directory: string;
let store: FileArtifactStore;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plumbline-artifacts-'));
  store = new FileArtifactStore(directory);
});
afterEach(() => rm(directory, { recursive: true }));

const content: CheckpointContent = {
  step: 'pretrain',
  index: 3,
  configuration: { seed: 1 },
  weights: { b: tensor([2], [1, -0]), a: tensor([1, 2], [0.5, 3]) },
  optimizer: {},
  state: { tokensSeen: 12 },
  references: { tokenizer: sha256('t') },
};

function tensor(shape: number[], values: number[]) {
  return { dtype: 'F32' as const, shape, data: Float32Array.from(values) };
}

describe('canonical JSON', () => {
  it('sorts keys at every depth and leaves out undefined members', () => {
    expect(canonicalJson({ b: [{ d: 1, c: null }], a: undefined, aa: 'é' })).toBe(
      '{"aa":"é","b":[{"c":null,"d":1}]}',
    );
  });
  it('refuses what JSON would silently change, naming the path', () => {
    expect(() => canonicalJson({ a: [1, NaN] })).toThrow('$.a[1]');
    expect(() => canonicalJson([undefined])).toThrow('$[0]');
  });
});

describe('file store', () => {
  it('names content by its SHA-256 and leaves no temporary file', async () => {
    const id = await store.put(Buffer.from('abc'));
    expect(id).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(await store.put(Buffer.from('abc'))).toBe(id);
    expect(await readdir(join(directory, 'ba'))).toEqual([id.slice(2)]);
    expect((await store.get(id)).toString()).toBe('abc');
  });
  it('puts right what was damaged when the content is stored again', async () => {
    const id = await store.put(Buffer.from('abc'));
    await writeFile(join(directory, id.slice(0, 2), id.slice(2)), 'abd');
    await expect(store.get(id)).rejects.toThrow(`${id} is corrupted`);
    await store.put(Buffer.from('abc'));
    expect((await store.get(id)).toString()).toBe('abc');
  });
  it('refuses a missing artifact, and ids that could leave the folder', async () => {
    await expect(store.get(sha256('x'))).rejects.toThrow(`${sha256('x')} is missing`);
    await expect(store.get('../../etc/passwd')).rejects.toThrow('not an artifact id');
  });
});

describe('checkpoint', () => {
  it('round-trips, and its id depends on nothing but the content', async () => {
    const id = await writeCheckpoint(store, content);
    const { b, a } = content.weights;
    const reordered = { ...content, weights: { a: a!, b: b! } };
    expect(await writeCheckpoint(store, reordered)).toBe(id);
    expect(await readCheckpoint(store, id)).toEqual({ id, ...content });
  });
  it('refuses a corrupted blob and names both the blob and the checkpoint', async () => {
    const id = await writeCheckpoint(store, content);
    const { blobs } = await store.getJson<CheckpointManifest>(id);
    await writeFile(join(directory, blobs.weights.slice(0, 2), blobs.weights.slice(2)), 'tampered');
    await expect(readCheckpoint(store, id)).rejects.toMatchObject({
      code: 'corrupted',
      message: expect.stringMatching(new RegExp(`${id}.*weights.*${blobs.weights} is corrupted`)) as string,
    });
  });
  it('refuses an artifact that is no checkpoint', async () => {
    const id = await store.putJson({ kind: 'other' });
    await expect(readCheckpoint(store, id)).rejects.toThrow(`${id} is not a checkpoint`);
  });
});

describe('safetensors', () => {
  it('round-trips any tensors bit for bit', () => {
    const tensors = fc.dictionary(
      fc.string({ minLength: 1 }).filter((name) => name !== '__metadata__' && name !== '__proto__'),
      fc
        .float32Array({ maxLength: 20 })
        .map((data) => ({ dtype: 'F32' as const, shape: [data.length], data })),
    );
    fc.assert(
      fc.property(tensors, (map) => {
        const bytes = encodeSafetensors(map);
        expect(Buffer.from(encodeSafetensors(decodeSafetensors(bytes))).equals(bytes)).toBe(true);
      }),
    );
  });

  const file = (header: unknown, dataBytes: number) => {
    const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
  };
  const entry = (start: number, end: number, shape = [(end - start) / 4]) => ({
    dtype: 'F32',
    shape,
    data_offsets: [start, end],
  });
  it.each([
    [
      'a header beyond the file',
      Buffer.concat([Buffer.from([200, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]),
      'does not fit',
    ],
    ['a huge header length', Buffer.from([255, 255, 255, 255, 255, 255, 255, 255]), 'over 100 MB'],
    ['a header that is no JSON', file('{', 0), 'UTF-8 JSON'],
    ['a hole', file({ a: entry(0, 4), b: entry(8, 12) }, 12), 'expected 4'],
    ['an overlap', file({ a: entry(0, 8), b: entry(4, 12) }, 12), 'expected 8'],
    ['trailing bytes', file({ a: entry(0, 4) }, 5), '1 bytes follow'],
    ['a span that does not fit its shape', file({ a: entry(0, 8, [3]) }, 8), 'do not fit shape'],
    ['an overflowing shape', file({ a: entry(0, 8, [2 ** 40, 2 ** 40]) }, 8), 'overflows'],
    ['an unknown type', file({ a: { ...entry(0, 4), dtype: 'F8' } }, 4), 'unsupported type'],
  ])('refuses %s', (_, bytes, reason) => {
    expect(() => decodeSafetensors(bytes)).toThrow(reason);
  });
});
