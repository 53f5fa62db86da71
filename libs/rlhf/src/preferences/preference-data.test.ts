import { FileArtifactStore, type ArtifactStore } from '@plumbline/artifacts';
import type { PreferenceRecord, SampledComparison } from '@plumbline/contracts';
import { Tokenizer, trainByteLevelBpe } from '@plumbline/model';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLabeledComparisons, readPreferenceData, type PreferenceReader } from './preference-data.js';

let directory: string;
let artifacts: ArtifactStore;
let comparisons: string;
/** These comparisons have tokens: nothing is read anew. */
const reader: PreferenceReader = {
  model: { layers: 1, heads: 1, width: 4, context: 8, vocabulary: 260 },
  tokenizer: new Tokenizer(trainByteLevelBpe(['a text'], 260)),
  tokenizerId: 'a'.repeat(64),
};
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'preferences-'));
  artifacts = new FileArtifactStore(directory);
  const set = [
    comparison('pair', 2, 'train'),
    comparison('triple', 3, 'train'),
    comparison('held', 2, 'heldOut'),
  ];
  comparisons = await artifacts.putJson({ kind: 'comparison-set', comparisons: set });
});
afterAll(() => rm(directory, { recursive: true }));

function comparison(key: string, responses: number, split: SampledComparison['split']): SampledComparison {
  return {
    key,
    split,
    prompt: [],
    promptTokens: [1],
    responses: Array.from({ length: responses }, (_, i) => ({ key: `${key}/${i}`, text: '', tokens: [i] })),
  };
}

async function read(...preferences: Partial<PreferenceRecord>[]) {
  const snapshot = {
    kind: 'preference-snapshot',
    comparisons,
    preferences: preferences.map((one) => ({
      comparison: 'pair',
      ordinal: 0,
      outcome: 'ranked',
      ranks: [1, 2],
      ...one,
    })),
  };
  return readLabeledComparisons(
    artifacts,
    { comparisons, preferences: await artifacts.putJson(snapshot) },
    reader,
  );
}

describe('labeled comparisons', () => {
  it('gather what was said of each comparison, by key and ordinal, training apart from held out', async () => {
    const { train, heldOut } = await read(
      { comparison: 'triple', ranks: [2, 1, 3], labeler: 'labeler-b' },
      { ordinal: 1, ranks: [2, 1], confidence: 8 },
      { ordinal: 0, outcome: 'tie', ranks: [], confidence: 5 },
      { ordinal: 2, outcome: 'both_bad', ranks: [] },
      { comparison: 'held', margin: 0.5 },
    );
    expect(train.map(({ key, responses }) => [key, responses.length])).toEqual([
      ['pair', 2],
      ['triple', 3],
    ]);
    const [pair, triple] = train;
    expect(pair!.judgements.map(({ ordinal, strength }) => [ordinal, strength])).toEqual([
      [0, 0],
      [1, 3],
    ]);
    expect(triple!.judgements[0]).toMatchObject({ labeler: 'labeler-b', strength: null });
    expect(triple!.judgements[0]!.pairs.map(({ target }) => target)).toEqual([0, 1, 1]);
    expect(heldOut[0]!.judgements[0]).toMatchObject({ margin: 0.5, labeler: null });
  });

  it('give pairs one after the other', async () => {
    const preferences = await artifacts.putJson({
      kind: 'preference-snapshot',
      comparisons,
      preferences: [{ comparison: 'triple', ordinal: 0, outcome: 'ranked', ranks: [1, 2, 3] }],
    });
    const { train } = await readPreferenceData(artifacts, { comparisons, preferences }, reader);
    expect(
      train.map(({ first, second, target }) => [...first.responseTokens, ...second.responseTokens, target]),
    ).toEqual([
      [0, 1, 1],
      [0, 2, 1],
      [1, 2, 1],
    ]);
  });

  it.each<[string, Partial<PreferenceRecord>, string]>([
    [
      'ranks that leave a response out',
      { ranks: [1] },
      'judgement 0 of comparison pair is a ranked judgement with 1 ranks',
    ],
    [
      'a confidence off the scale',
      { confidence: 10 },
      'confidence 10: it must be a whole number from 1 to 9',
    ],
    ['half a point of confidence', { confidence: 2.5 }, 'whole number'],
    [
      'a confidence in the other response',
      { confidence: 7 },
      'contradicts itself: outcome ranked, ranks 1, 2, confidence 7',
    ],
    ['a lean in a tie', { outcome: 'tie', ranks: [], confidence: 6 }, 'contradicts itself'],
    [
      'a confidence of three responses',
      { comparison: 'triple', ranks: [1, 2, 3], confidence: 1 },
      'there are 3',
    ],
    ['a negative margin', { margin: -1 }, 'has margin -1: it must be a number from 0'],
  ])('refuse %s', async (_, record, message) => {
    await expect(read(record)).rejects.toThrow(message);
  });
});
