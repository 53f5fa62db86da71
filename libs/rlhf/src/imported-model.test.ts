import { loadTensorFlow } from '@plumbline/compute';
import type { ComparisonSet } from '@plumbline/contracts';
import { openCorpus, tokenizeCorpus, writeTokenizedCorpus } from '@plumbline/data';
import {
  endOfTextOf,
  initialise,
  readModelDirectory,
  Tokenizer,
  toTensorMap,
  trainByteLevelBpe,
  writeLanguageModel,
  writeModelDirectory,
} from '@plumbline/model';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordingContext, tinyRun, type TinyRun } from '../test-support/tiny-run.js';
import { sample } from './index.js';

let run: TinyRun;
beforeAll(async () => {
  loadTensorFlow({ device: 'cpu' });
  run = await tinyRun('imported');
});
afterAll(() => rm(run.directory, { recursive: true }));

describe('a model that was imported', () => {
  it('takes the place of a pretrained one where prompts come from a corpus imported with it', async () => {
    // Other sizes and tokens than the configuration's: the model's own count.
    const { artifacts } = run;
    const configuration = {
      ...run.configuration,
      sample: { ...run.configuration.sample, comparisons: 40, heldOut: 8 },
    };
    const { corpus, textKey } = configuration.pretrain;
    const tokenizer = trainByteLevelBpe([await readFile(corpus, 'utf8')], 280);
    const model = { layers: 2, heads: 2, width: 8, context: 32, vocabulary: 290, tiedEmbeddings: false };
    const directory = join(run.directory, 'model');
    await writeModelDirectory(directory, {
      model,
      weights: toTensorMap(initialise(model, 1)),
      tokenizer,
      generation: { endOfText: [endOfTextOf(tokenizer)!] },
    });
    const read = await readModelDirectory(directory);
    const text = await openCorpus(corpus, textKey);
    const tokens = await tokenizeCorpus(text.read(), new Tokenizer(read.tokenizer));
    const imported = await writeLanguageModel(artifacts, read, {
      corpus: await writeTokenizedCorpus(artifacts, tokens),
    });
    const result = await sample(configuration, { model: imported }, recordingContext(artifacts));
    if (result.outcome !== 'completed') throw new Error(result.outcome);
    const { comparisons } = await artifacts.getJson<ComparisonSet>(result.outputs['comparisons']!);
    expect(comparisons).toHaveLength(40);
    expect(new Tokenizer(tokenizer).decode(comparisons[0]!.promptTokens)).toMatch(/\w/);

    const alone = await writeLanguageModel(artifacts, read);
    await expect(sample(configuration, { model: alone }, recordingContext(artifacts))).rejects.toThrow(
      /refers to no corpus.*import the model with --corpus/,
    );
    const silent = await writeLanguageModel(artifacts, { ...read, tokenizer: null });
    await expect(sample(configuration, { model: silent }, recordingContext(artifacts))).rejects.toThrow(
      /has no tokenizer/,
    );
  });
});
