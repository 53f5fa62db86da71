import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  canonicalJson,
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

describe('files that a killed process left half-written', () => {
  const leave = async (name: string, hoursAgo: number): Promise<string> => {
    const id = await store.put(Buffer.from('abc'));
    const file = join(directory, id.slice(0, 2), `${id.slice(2)}.${name}.tmp`);
    await writeFile(file, 'ab');
    const then = Date.now() / 1000 - hoursAgo * 3600;
    await utimes(file, then, then);
    return file;
  };

  it('are no artifacts', async () => {
    const file = await leave('1', 25);
    const id = file.slice(directory.length + 1).replace('/', '');
    expect(await store.has(id)).toBe(false);
    await expect(store.get(id)).rejects.toThrow('not an artifact id');
    expect((await store.get(id.slice(0, 64))).toString()).toBe('abc');
  });

  it('go after a day, and nothing else goes', async () => {
    const old = await leave('1', 25);
    const recent = await leave('2', 23);
    const id = sha256('abc');
    const artifact = join(directory, id.slice(0, 2), id.slice(2));
    await utimes(artifact, 0, 0);
    expect(await store.removeAbandoned()).toBe(1);
    const folder = join(directory, id.slice(0, 2));
    expect((await readdir(folder)).map((name) => join(folder, name)).sort()).toEqual([artifact, recent]);
    expect(old).not.toBe(recent);
    expect(await store.removeAbandoned()).toBe(0);
  });

  it('are looked for in a store that is not there yet', async () => {
    expect(await new FileArtifactStore(join(directory, 'not', 'yet')).removeAbandoned()).toBe(0);
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
