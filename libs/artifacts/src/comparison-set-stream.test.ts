import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ComparisonSet } from '@plumbline/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sealComparison } from './comparison-key.js';
import { readComparisonSet, writeComparisonSet } from './comparison-set-stream.js';
import { FileArtifactStore } from './file-artifact-store.js';

let folder: string;
let store: FileArtifactStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plumbline-sets-'));
  store = new FileArtifactStore(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Texts with what a reader of JSON could trip over. */
const text = fc.oneof(
  fc.string(),
  fc.constantFrom('{"', '}]', '\\"', '"\\\\', ',"kind":"x"', '\u2028', 'ü😀'),
);
const comparison = fc
  .record({ text, tokens: fc.array(fc.nat(), { maxLength: 3 }), response: text })
  .map(({ text: prompt, tokens, response }) =>
    sealComparison('train', {
      prompt: [{ role: 'document', parts: [{ type: 'text', text: prompt }] }],
      promptTokens: tokens,
      responses: [
        { text: response, tokens },
        { text: prompt, tokens },
      ],
    }),
  );
const tokenizer = fc.constantFrom(undefined, null, 'a'.repeat(64));

describe('comparison sets as streams', () => {
  it('have the id that putJson gives them, and are read back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(comparison, { maxLength: 5 }), tokenizer, async (comparisons, of) => {
        const set: ComparisonSet = { kind: 'comparison-set', comparisons, tokenizer: of };
        const { id, bytes } = await writeComparisonSet(store, {
          comparisons: each(comparisons),
          tokenizer: of,
        });
        expect(id).toBe(await store.putJson(set));
        expect(bytes).toBe((await store.get(id)).byteLength);
        expect(await all(readComparisonSet(store, id))).toEqual(comparisons);
      }),
      { numRuns: 30 },
    );
  });

  it('are cut into comparisons wherever the pieces end', async () => {
    const comparisons = fc.sample(comparison, { numRuns: 4, seed: 1 });
    const id = await store.putJson({ kind: 'comparison-set', comparisons });
    const bytes = await store.get(id);
    for (const size of [1, 2, 7, 64]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      const cut = Object.create(store, { getStream: { value: () => each(pieces) } }) as FileArtifactStore;
      expect(await all(readComparisonSet(cut, id))).toEqual(comparisons);
    }
  });

  it.each(['{}', '[]', '{"comparisons":[', '{"comparisons":[],"kind":"other"}', '{"comparisons":[{"a":1}'])(
    'are refused where they are none: %s',
    async (content) => {
      const id = await store.put(Buffer.from(content));
      await expect(all(readComparisonSet(store, id))).rejects.toMatchObject({ code: 'malformed' });
    },
  );

  it('are refused when a byte has changed, or nothing is there', async () => {
    const id = await store.putJson({ kind: 'comparison-set', comparisons: [] });
    await writeFile(join(folder, id.slice(0, 2), id.slice(2)), '{"comparisons":[],"kind":"comparison-set"} ');
    await expect(all(readComparisonSet(store, id))).rejects.toMatchObject({ code: 'corrupted' });
    await expect(all(store.getStream(id))).rejects.toMatchObject({ code: 'corrupted' });
    await expect(all(readComparisonSet(store, 'b'.repeat(64)))).rejects.toMatchObject({ code: 'missing' });
  });
});

describe('a stream that breaks off', () => {
  it('leaves nothing in the store', async () => {
    const place = join(folder, randomUUID());
    const fresh = new FileArtifactStore(place);
    const broken = async function* () {
      yield Buffer.from('some');
      await Promise.resolve();
      throw new Error('broken');
    };
    await expect(fresh.putStream(broken())).rejects.toThrow('broken');
    const entries = await readdir(place, { recursive: true, withFileTypes: true });
    expect(entries.filter((entry) => entry.isFile())).toEqual([]);
  });
});
