/** What the measured steps read: models of the bench's size, prompts, judged pairs. */
import { encodeSafetensors, writeCheckpoint, type ArtifactStore, type TensorMap } from '@plumbline/artifacts';
import type { ComparisonSet, ModelConfiguration, PreferenceSnapshot, StepInputs } from '@plumbline/contracts';
import { writeTokenizedCorpus } from '@plumbline/data';
import { disposeParameters, initialise, toTensorMap } from '@plumbline/model';
import { initialRewardModel } from '@plumbline/rlhf';
import { writeFileSync } from 'node:fs';
import { benchRows, PROMPTS, type PpoWork, type RewardWork } from './task.js';

export const SEED = 1;
const END_OF_TEXT = 0;
/** Logit of the end of a text: no response ever ends early. */
const IMPOSSIBLE = -1e3;

/** Model and reward model, and a corpus of which every document is one prompt. */
export async function writePpoInputs(artifacts: ArtifactStore, work: PpoWork): Promise<StepInputs> {
  const { vocabulary } = work.model;
  const length = work.promptTokens;
  // As many again, which the other purposes' prompts come from.
  const documents = benchRows('prompt', { rows: 2 * PROMPTS, length, vocabulary });
  const stream = {
    tokens: Int32Array.from(documents.flatMap((document) => [...document, END_OF_TEXT])),
    documents: Int32Array.from(documents, (_, row) => row * (length + 1)),
    wordStarts: new Uint8Array(documents.length * (length + 1)),
  };
  const corpus = await writeTokenizedCorpus(artifacts, { train: stream, heldOut: stream });
  return writeModels(artifacts, work, { corpus });
}

/** Model, comparisons and judgements: as many pairs as an update takes, so that each one sees all of them. */
export async function writeRewardInputs(artifacts: ArtifactStore, work: RewardWork): Promise<StepInputs> {
  const { batch, promptTokens, newTokens, model } = work;
  const rows = (stream: 'prompt' | 'chosen' | 'rejected', length: number) =>
    benchRows(stream, { rows: batch, length, vocabulary: model.vocabulary });
  const prompts = rows('prompt', promptTokens);
  const responses = [rows('chosen', newTokens), rows('rejected', newTokens)];
  const key = (row: number) => `comparison ${String(row).padStart(6, '0')}`;
  const comparisons: ComparisonSet = {
    kind: 'comparison-set',
    comparisons: prompts.map((prompt, row) => ({
      key: key(row),
      split: 'train',
      prompt: [],
      promptTokens: prompt,
      responses: responses.map((tokens, index) => ({
        key: `${key(row)} ${index}`,
        text: '',
        tokens: tokens[row]!,
      })),
    })),
  };
  const comparisonsId = await artifacts.putJson(comparisons);
  const preferences: PreferenceSnapshot = {
    kind: 'preference-snapshot',
    comparisons: comparisonsId,
    preferences: prompts.map((_, row) => ({
      comparison: key(row),
      ordinal: 0,
      outcome: 'ranked',
      ranks: [1, 2],
    })),
  };
  return {
    ...(await writeModels(artifacts, work, {})),
    comparisons: comparisonsId,
    preferences: await artifacts.putJson(preferences),
  };
}

async function writeModels(
  artifacts: ArtifactStore,
  { model, weightsFile }: PpoWork | RewardWork,
  references: Readonly<Record<string, string>>,
): Promise<StepInputs> {
  const weights = endlessWeights(model);
  const reward = initialRewardModel(weights, model.width, SEED);
  writeFileSync(weightsFile, encodeSafetensors(reward));
  const tokenizer = await artifacts.putJson(tokenizerOf(model.vocabulary));
  const write = (step: 'pretrain' | 'reward', of: TensorMap) =>
    writeCheckpoint(artifacts, {
      step,
      index: 0,
      configuration: { model },
      weights: of,
      optimizer: {},
      state: {},
      references: { tokenizer, ...references },
    });
  return { model: await write('pretrain', weights), reward: await write('reward', reward) };
}

/** First weights of the product, but for one hidden feature that is always there and only forbids the end of a text. */
function endlessWeights(model: ModelConfiguration): TensorMap {
  const parameters = initialise(model, SEED);
  const weights = toTensorMap(parameters);
  disposeParameters(parameters);
  const embedding = weights['wte.weight']!.data;
  const [gain, bias] = [weights['ln_f.weight']!.data, weights['ln_f.bias']!.data];
  for (let token = 0; token < model.vocabulary; token++) embedding[token * model.width] = 0;
  gain[0] = 0;
  bias[0] = 1;
  embedding[END_OF_TEXT * model.width] = IMPOSSIBLE;
  return weights;
}

/** A tokenizer.json whose tokens are never looked at, apart from the one that ends a text. */
function tokenizerOf(vocabulary: number): object {
  const endOfText = '<|endoftext|>';
  const names = Array.from({ length: vocabulary }, (_, token) =>
    token === END_OF_TEXT ? endOfText : `t${token}`,
  );
  return {
    version: '1.0',
    added_tokens: [
      {
        id: END_OF_TEXT,
        content: endOfText,
        special: true,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
      },
    ],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(names.map((name, token) => [name, token])),
      merges: [],
    },
  };
}
