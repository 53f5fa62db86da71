import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ArtifactError,
  decodeSafetensors,
  encodeSafetensors,
  FileArtifactStore,
  writeCheckpoint,
  type TensorMap,
} from '@plumbline/artifacts';
import { loadTensorFlow, tf } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  checkTokens,
  forward,
  fromTensorMap,
  initialise,
  logits,
  ModelFormatError,
  NoLanguageModelError,
  OccupiedDirectoryError,
  parameterShapes,
  readLanguageModel,
  readModelDirectory,
  scoreTokens,
  Tokenizer,
  toTensorMap,
  trainByteLevelBpe,
  writeLanguageModel,
  writeModelDirectory,
  type LanguageModel,
} from '../index.js';

/** Made by `fixtures/make_directory_fixtures.py` with Hugging Face's `transformers`. */
const FIXTURES = fileURLToPath(new URL('../../fixtures/directories', import.meta.url));
interface Expected {
  readonly tokens: number[];
  readonly logprobs: number[];
  readonly logits: { shape: number[]; base64: string };
}
const { cases } = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as {
  cases: Record<string, Expected>;
};

let home: string;
beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
});
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'plumbline-model-'));
});
afterEach(() => rm(home, { recursive: true }));

function expectSameModel(actual: LanguageModel, expected: Expected): void {
  const parameters = fromTensorMap(actual.weights);
  const scores = scoreTokens(parameters, actual.model, expected.tokens);
  expect(scores).toHaveLength(expected.logprobs.length);
  scores.forEach((score, i) => expect(Math.abs(score - expected.logprobs[i]!)).toBeLessThan(1e-4));
  const hidden = forward(parameters, actual.model, tf.tensor2d([expected.tokens], undefined, 'int32'));
  const last = logits(parameters, hidden.slice([0, expected.tokens.length - 1], [1, 1])).dataSync();
  const theirs = new Float32Array(Uint8Array.from(Buffer.from(expected.logits.base64, 'base64')).buffer);
  expect(last).toHaveLength(theirs.length);
  last.forEach((logit, i) => expect(Math.abs(logit - theirs[i]!)).toBeLessThan(1e-4));
  expect(Math.max(...theirs.map(Math.abs))).toBeGreaterThan(0.3);
}

describe('a directory of transformers', () => {
  it.each(Object.entries(cases))('is the same model here: %s', async (name, expected) => {
    expectSameModel(await readModelDirectory(join(FIXTURES, name)), expected);
  });

  it('says what the model is', async () => {
    const tied = await readModelDirectory(join(FIXTURES, 'tied'));
    expect(tied.model).toEqual({ layers: 2, heads: 2, width: 8, context: 16, vocabulary: 290, dropout: 0.1 });
    expect(tied.generation).toEqual({ endOfText: [0], temperature: 0.7, topK: 20 });
    expect(new Tokenizer(tied.tokenizer).endOfText).toBe(0);
    expect(tied.remarks).toEqual([]);
    const sharded = await readModelDirectory(join(FIXTURES, 'sharded'));
    expect(sharded.model).toMatchObject({ activation: 'gelu', tiedEmbeddings: false, dropout: 0.2 });
    expect(sharded.tokenizer).toBeNull();
    const bare = await readModelDirectory(join(FIXTURES, 'bare'));
    expect(bare.model).toEqual({ layers: 2, heads: 3, width: 6, context: 12, vocabulary: 19 });
    expect(bare.remarks).toEqual([
      'embd_pdrop 0.1, attn_pdrop 0, resid_pdrop 0.1: the model has one rate for all three, so it is taken over without dropout',
    ]);
  });

  it('may be made of symbolic links, as the cache of transformers is', async () => {
    await mkdir(join(home, 'snapshot'));
    for (const name of await readdir(join(FIXTURES, 'sharded'))) {
      await symlink(join(FIXTURES, 'sharded', name), join(home, 'snapshot', name));
    }
    expectSameModel(await readModelDirectory(join(home, 'snapshot')), cases['sharded']!);
  });
});

describe('a directory that cannot be used', () => {
  let directory: string;
  beforeEach(() => {
    directory = join(home, 'model');
  });

  const copyOf = (name: string) => cp(join(FIXTURES, name), directory, { recursive: true });
  async function changeJson(file: string, change: (json: Record<string, unknown>) => unknown): Promise<void> {
    const json = JSON.parse(await readFile(join(directory, file), 'utf8')) as Record<string, unknown>;
    await writeFile(join(directory, file), JSON.stringify(change(json)));
  }
  async function changeWeights(change: (tensors: Record<string, TensorMap[string]>) => void): Promise<void> {
    const path = join(directory, 'model.safetensors');
    const tensors = { ...decodeSafetensors(await readFile(path)) };
    change(tensors);
    await writeFile(path, encodeSafetensors(tensors));
  }
  async function expectRefusal(reason: RegExp | string): Promise<void> {
    const reading = readModelDirectory(directory);
    await expect(reading).rejects.toThrow(reason);
    const error = await reading.catch((thrown: unknown) => thrown);
    expect(error instanceof ModelFormatError || error instanceof ArtifactError).toBe(true);
    expect((error as Error).message).toContain(directory);
    expect((error as Error).message).not.toContain('\n');
  }

  it.each<[string, unknown, RegExp]>([
    ['model_type', 'llama', /model_type 'llama': only "gpt2"/],
    [
      'architectures',
      ['GPT2ForSequenceClassification'],
      /architectures \[ 'GPT2ForSequenceClassification' \]/,
    ],
    ['scale_attn_weights', false, /scale_attn_weights false: must be true/],
    ['scale_attn_by_inverse_layer_idx', true, /scale_attn_by_inverse_layer_idx true: must be false/],
    ['reorder_and_upcast_attn', true, /reorder_and_upcast_attn true/],
    ['add_cross_attention', true, /add_cross_attention true/],
    ['layer_norm_epsilon', 1e-6, /layer_norm_epsilon 0.000001: must be 0.00001/],
    ['activation_function', 'relu', /activation_function 'relu': must be one of gelu_new/],
    ['activation_function', 3, /activation_function 3/],
    ['activation_function', 'constructor', /activation_function 'constructor'/],
    ['n_inner', 40, /n_inner 40: must be null or 4 · n_embd \(32\)/],
    ['n_embd', 9, /n_embd 9: must be divisible by n_head \(2\)/],
    ['n_embd', 16, /has shape .*, expected/],
    ['n_layer', 0, /n_layer 0: must be a whole number from 1/],
    ['n_layer', 1e9, /n_layer 1000000000: must be a whole number from 1 to 1000/],
    ['n_layer', 1, /parameter h\.1\..* does not belong to this model/],
    ['n_layer', 3, /parameter h\.2\.ln_1\.weight is missing/],
    ['n_layer', undefined, /n_layer is missing/],
    ['n_head', '2', /n_head '2'/],
    ['vocab_size', 1e9, /wte\.weight has shape/],
    ['vocab_size', 100, /tokenizer\.json has 282 tokens; the model's vocabulary \(vocab_size\) has 100/],
    ['n_positions', 32, /wpe\.weight has shape \[16, 8\], expected \[32, 8\]/],
    ['attn_pdrop', 1.5, /attn_pdrop 1.5/],
    ['tie_word_embeddings', false, /parameter lm_head\.weight is missing/],
    ['quantization_config', { bits: 4 }, /quantization_config/],
    ['auto_map', { AutoModel: 'x.Y' }, /auto_map.*own code/],
  ])('%s %j', async (key, value, reason) => {
    await copyOf('tied');
    await changeJson('config.json', (config) => ({ ...config, [key]: value }));
    await expectRefusal(reason);
  });

  it.each<[string, string, RegExp]>([
    ['config.json', '{"a": 1', /config\.json is not JSON/],
    ['config.json', '[]', /must be an object/],
    ['config.json', '{"n_layer": 1, "n_layer": 2}', /"n_layer" occurs twice/],
    ['config.json', '{}', /neither model_type nor architectures/],
    ['tokenizer.json', '{"version": "1.0"}', /tokenizer\.json.*not a usable/],
    ['generation_config.json', '{"temperature": "hot"}', /generation_config\.json: temperature must be/],
    ['generation_config.json', '{"top_p": 1.5}', /generation_config\.json: top_p must be/],
    ['generation_config.json', 'no', /generation_config\.json is not JSON/],
    ['model.safetensors', '{"weights": []}', /model\.safetensors: safetensors: the file is JSON text/],
    ['model.safetensors', 'version https://git-lfs.github.com/spec/v1\n', /Git LFS pointer/],
  ])('%s of %j', async (file, content, reason) => {
    await copyOf('tied');
    await writeFile(join(directory, file), content);
    await expectRefusal(reason);
  });

  it('is none, empty, or without weights that can be read', async () => {
    await expectRefusal(/no such directory/);
    await mkdir(directory);
    await expectRefusal(/has no config\.json/);
    await copyOf('tied');
    await rm(join(directory, 'model.safetensors'));
    await expectRefusal(/has no model\.safetensors$/);
    await writeFile(join(directory, 'pytorch_model.bin'), Buffer.from('\x80\x02}q\x00.', 'latin1'));
    await expectRefusal(/has no model\.safetensors; pytorch_model\.bin is not read: it is a pickle/);
  });

  it('has weights that are none', async () => {
    await copyOf('tied');
    await changeWeights((tensors) => {
      tensors['transformer.ln_f.bias']!.data[3] = NaN;
    });
    await expectRefusal(/tensor "transformer\.ln_f\.bias": element 3 is NaN/);
    await copyOf('tied');
    await changeWeights((tensors) => delete tensors['transformer.ln_f.bias']);
    await expectRefusal(/parameter ln_f\.bias is missing/);
    await copyOf('tied');
    await changeWeights((tensors) => (tensors['ln_f.bias'] = tensors['transformer.ln_f.bias']!));
    await expectRefusal(
      /"transformer\.ln_f\.bias" and "ln_f\.bias" are the same parameter|"ln_f\.bias" and "transformer/,
    );
    await copyOf('tied');
    await changeWeights((tensors) => (tensors['score.weight'] = tensors['transformer.ln_f.bias']!));
    await expectRefusal(/parameter score\.weight does not belong to this model/);
  });

  it('stores the tied output embedding, which must be the input embedding', async () => {
    await copyOf('tied');
    await changeWeights((tensors) => (tensors['lm_head.weight'] = tensors['transformer.wte.weight']!));
    expectSameModel(await readModelDirectory(directory), cases['tied']!);
    await changeWeights((tensors) => {
      const { data } = tensors['lm_head.weight']!;
      tensors['lm_head.weight'] = {
        ...tensors['lm_head.weight']!,
        data: Float32Array.from(data, (x) => x + 1),
      };
    });
    await expectRefusal(/lm_head\.weight differs from wte\.weight/);
  });

  it('has an index that is not of its shards', async () => {
    const INDEX = 'model.safetensors.index.json';
    const SHARD = 'model-00002-of-00003.safetensors';
    const mapping = (change: (map: Record<string, string>) => unknown) => async () => {
      await copyOf('sharded');
      await changeJson(INDEX, (index) => ({
        ...index,
        weight_map: change(index['weight_map'] as Record<string, string>),
      }));
    };
    const faults: readonly (readonly [() => Promise<unknown>, RegExp])[] = [
      [
        async () => {
          await copyOf('sharded');
          await rm(join(directory, SHARD));
        },
        /index\.json: the shard model-00002-of-00003\.safetensors is missing/,
      ],
      [mapping((map) => ({ ...map, 'transformer.wpe.weight': SHARD })), /says that tensor|promises/],
      [mapping((map) => ({ ...map, other: SHARD })), /there is no tensor "other", which .* promises/],
      [
        mapping((map) =>
          Object.fromEntries(Object.entries(map).filter(([name]) => name !== 'lm_head.weight')),
        ),
        /says that tensor "lm_head\.weight" is nowhere/,
      ],
      ...[
        '../model.safetensors',
        '/etc/model.safetensors',
        'a/b.safetensors',
        '..\\b.safetensors',
        'x.bin',
        '',
      ].map(
        (path) =>
          [
            mapping((map) => ({ ...map, x: path })),
            /not the name of a \.safetensors file of this directory/,
          ] as const,
      ),
      [mapping((map) => ({ ...map, x: 3 })), /not the name of a/],
      [mapping(() => null), /weight_map must be an object/],
      [mapping(() => ({})), /parameter wte\.weight is missing/],
    ];
    for (const [damage, reason] of faults) {
      await rm(directory, { recursive: true, force: true });
      await damage();
      await expectRefusal(reason);
    }
  });
});

describe('a damaged directory', () => {
  it('is refused in one line, or is a model whose weights are those of its files', async () => {
    const files = ['config.json', 'generation_config.json', 'tokenizer.json', 'model.safetensors'];
    const contents = new Map(files.map((name) => [name, readFileSync(join(FIXTURES, 'tied', name))]));
    const damage = fc.record({
      file: fc.constantFrom(...files),
      at: fc.nat(),
      kind: fc.constantFrom('flip', 'digit', 'delete', 'insert', 'cut'),
      byte: fc.nat(255),
    });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async (damages) => {
        const bytes = new Map([...contents].map(([name, content]) => [name, [...content]]));
        for (const { file, at, kind, byte } of damages) {
          const content = bytes.get(file)!;
          // Most bytes of weights are as good as any other; the header is what can be wrong.
          const index = at % Math.max(1, Math.min(content.length, 3000));
          if (kind === 'flip') content[index]! ^= 1 << (byte % 8);
          else if (kind === 'digit') content[index] = 0x30 + (byte % 10);
          else if (kind === 'delete') content.splice(index, 1 + (byte % 9));
          else if (kind === 'insert') content.splice(index, 0, byte);
          else content.length = index;
        }
        for (const [name, content] of bytes) await writeFile(join(home, name), Uint8Array.from(content));
        try {
          const { model, weights } = await readModelDirectory(home);
          expect(Object.keys(weights).sort()).toEqual(Object.keys(parameterShapes(model)).sort());
          for (const { data } of Object.values(weights)) expect(data.every(Number.isFinite)).toBe(true);
        } catch (error) {
          if (!(error instanceof ModelFormatError || error instanceof ArtifactError)) throw error;
          expect(error.message).toContain(home);
          expect(error.message).not.toContain('\n');
          refused++;
        }
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});

const CONFIG: ModelConfiguration = { layers: 1, heads: 2, width: 8, context: 8, vocabulary: 270 };
const tokenizer = trainByteLevelBpe(['the cat sat on the mat; the cat that sat there'], 270);

function languageModel(more: Partial<LanguageModel> = {}): LanguageModel {
  const model = more.model ?? CONFIG;
  const parameters = initialise(model, 3);
  return { model, weights: toTensorMap(parameters), tokenizer, generation: { endOfText: [0] }, ...more };
}

describe('writing a directory', () => {
  it.each<[string, Partial<LanguageModel>]>([
    ['the usual', {}],
    ['without tokenizer', { tokenizer: null, generation: {} }],
    [
      'untied, exact GELU, dropout, defaults for generation',
      {
        model: { ...CONFIG, tiedEmbeddings: false, activation: 'gelu', dropout: 0.2 },
        generation: { endOfText: [0, 5], temperature: 0.5, topK: 3, topP: 0.9, maximumNewTokens: 4 },
      },
    ],
    ['greedy', { generation: { endOfText: [0], temperature: 0 } }],
  ])('and reading it gives the model back: %s', async (_, more) => {
    const model = languageModel(more);
    const directory = join(home, 'a', 'model');
    expect(await writeModelDirectory(directory, model)).toBe(true);
    const { remarks, ...read } = await readModelDirectory(directory);
    expect(remarks).toEqual([]);
    expect({ ...read, tokenizer: JSON.stringify(read.tokenizer) }).toEqual({
      ...model,
      tokenizer: JSON.stringify(model.tokenizer),
    });
    expect(await readdir(join(home, 'a'))).toEqual(['model']);
    // Again: the same files, so nothing happens.
    expect(await writeModelDirectory(directory, model)).toBe(false);
  });

  it('uses the names of GPT2LMHeadModel', async () => {
    const directory = join(home, 'model');
    await writeModelDirectory(directory, languageModel({ model: { ...CONFIG, tiedEmbeddings: false } }));
    const names = Object.keys(decodeSafetensors(await readFile(join(directory, 'model.safetensors'))));
    expect(names).toEqual(expect.arrayContaining(['lm_head.weight', 'transformer.h.0.attn.c_attn.weight']));
    expect(names.filter((name) => !name.startsWith('transformer.'))).toEqual(['lm_head.weight']);
  });

  it('replaces a model only when asked to, and nothing else ever', async () => {
    const directory = join(home, 'model');
    const [first, second] = [languageModel(), languageModel({ generation: {} })];
    await mkdir(directory);
    await writeModelDirectory(directory, first); // an empty one may be there
    await expect(writeModelDirectory(directory, second)).rejects.toThrow(OccupiedDirectoryError);
    expect((await readModelDirectory(directory)).generation).toEqual(first.generation);
    expect(await writeModelDirectory(directory, second, { replace: true })).toBe(true);
    expect(JSON.parse(await readFile(join(directory, 'generation_config.json'), 'utf8'))).toEqual({});

    await mkdir(join(directory, 'thesis'));
    await expect(writeModelDirectory(directory, first, { replace: true })).rejects.toThrow(
      'is not a model directory',
    );
    const other = join(home, 'photos');
    await mkdir(other);
    await writeFile(join(other, 'cat.jpg'), '');
    await expect(writeModelDirectory(other, first, { replace: true })).rejects.toThrow(
      'is not a model directory',
    );
    expect(await readdir(other)).toEqual(['cat.jpg']);
    await expect(writeModelDirectory(join(other, 'cat.jpg'), first)).rejects.toThrow('is not a directory');
    expect((await readdir(home)).sort()).toEqual(['model', 'photos']);
  });
});

describe('a checkpoint as a language model', () => {
  let store: FileArtifactStore;
  beforeEach(() => {
    store = new FileArtifactStore(join(home, 'artifacts'));
  });

  it('is what was imported, whatever the directory was called', async () => {
    const { remarks: _, ...model } = await readModelDirectory(join(FIXTURES, 'tied'));
    const id = await writeLanguageModel(store, model);
    const again = join(home, 'again');
    await writeModelDirectory(again, await readLanguageModel(store, id));
    const { remarks: _none, ...exported } = await readModelDirectory(again);
    expect(await writeLanguageModel(store, exported)).toBe(id);
    expectSameModel(await readLanguageModel(store, id), cases['tied']!);
  });

  async function checkpoint(
    step: 'pretrain' | 'optimise' | 'reward' | 'sample',
    weights: TensorMap,
  ): Promise<string> {
    return writeCheckpoint(store, {
      step,
      index: 1,
      configuration: step === 'sample' ? {} : { model: CONFIG },
      weights,
      optimizer: {},
      state: {},
      references: { tokenizer: await store.putJson(tokenizer) },
    });
  }

  it('of pretraining or PPO is the model, without the value network', async () => {
    const { weights } = languageModel();
    const value = Object.fromEntries(
      Object.entries(weights).map(([name, tensor]) => [`value.${name}`, tensor]),
    );
    for (const id of [
      await checkpoint('pretrain', weights),
      await checkpoint('optimise', { ...weights, ...value }),
    ]) {
      const read = await readLanguageModel(store, id);
      expect(Object.keys(read.weights).sort()).toEqual(Object.keys(parameterShapes(CONFIG)).sort());
      expect(read.generation).toEqual({ endOfText: [0] });
    }
  });

  it('of anything else is refused by name', async () => {
    const { weights } = languageModel();
    const reward = await checkpoint('reward', weights);
    await expect(readLanguageModel(store, reward)).rejects.toThrow(`checkpoint ${reward} is a reward model`);
    const sample = await checkpoint('sample', {});
    await expect(readLanguageModel(store, sample)).rejects.toThrow(
      `${sample}, of step sample, holds no language model`,
    );
    const odd = await checkpoint('pretrain', { ...weights, more: weights['wte.weight']! });
    await expect(readLanguageModel(store, odd)).rejects.toThrow(NoLanguageModelError);
    await expect(readLanguageModel(store, 'f'.repeat(64))).rejects.toMatchObject({ code: 'missing' });
  });
});

describe('scoreTokens', () => {
  it('is of the tokens after the first, and sums to one over the vocabulary', () => {
    const parameters = fromTensorMap(languageModel().weights);
    expect(scoreTokens(parameters, CONFIG, [5])).toEqual([]);
    let total = 0;
    for (let token = 0; token < CONFIG.vocabulary; token++) {
      total += Math.exp(scoreTokens(parameters, CONFIG, [5, 7, token])[1]!);
    }
    expect(total).toBeCloseTo(1, 4);
  });

  it('refuses tokens that the model cannot take', () => {
    expect(() => checkTokens(CONFIG, [])).toThrow('no tokens');
    expect(() => checkTokens(CONFIG, [0, 270])).toThrow('token 270 is not in the model');
    expect(() => checkTokens(CONFIG, [-1])).toThrow('token -1');
    expect(() => checkTokens(CONFIG, [1.5])).toThrow('token 1.5');
    expect(() => checkTokens(CONFIG, Array<number>(9).fill(1))).toThrow(
      "9 tokens do not fit the model's context of 8",
    );
  });
});
