/**
 * `config.json` of a GPT-2 and our model configuration, each from the other. Keys that are absent have the values that
 * `transformers` gives them (its `GPT2Config`).
 */
import { inspect } from 'node:util';
import type { Activation, ModelConfiguration } from '@plumbline/contracts';
import type { JsonObject } from './json-file.js';
import { ModelFormatError } from './model-format-error.js';

/** What a `config.json` says of the model. */
export interface Gpt2Config {
  readonly model: ModelConfiguration;
  /** Token that ends a text, where the file names one that the vocabulary has. */
  readonly endOfText: readonly number[];
  /** What was understood otherwise than it stands there. */
  readonly remarks: readonly string[];
}

const ARCHITECTURES = ['GPT2LMHeadModel', 'GPT2Model'];

/** GELU's two forms by the names that `transformers` has for them. */
const ACTIVATIONS: ReadonlyMap<string, Activation> = new Map([
  ['gelu_new', 'gelu_new'],
  ['gelu_pytorch_tanh', 'gelu_new'],
  ['gelu_fast', 'gelu_new'],
  ['gelu', 'gelu'],
  ['gelu_python', 'gelu'],
]);

/** Keys with the one value that this transformer computes. */
const ONLY: readonly (readonly [key: string, value: unknown, meaning: string])[] = [
  ['scale_attn_weights', true, 'attention scores are always divided by the root of the head size'],
  ['scale_attn_by_inverse_layer_idx', false, 'scaling attention by the layer is not supported'],
  ['reorder_and_upcast_attn', false, 'reordered attention is not supported'],
  ['add_cross_attention', false, 'cross attention is not supported'],
  ['is_encoder_decoder', false, 'encoder-decoder models are not supported'],
  ['layer_norm_epsilon', 1e-5, 'the layer norms have this epsilon'],
];
/** Keys that must not say anything. */
const NEVER: readonly (readonly [key: string, meaning: string])[] = [
  ['quantization_config', 'quantized weights are not supported'],
  ['auto_map', "a model's own code is never run"],
  ['pruned_heads', 'pruned heads are not supported'],
];

/** Every layer has parameters to look for; a file must not say how long we look. */
const MAXIMUM_LAYERS = 1000;
/** Token ids and positions are 32-bit integers. */
const MAXIMUM_COUNT = 2 ** 31 - 1;

const DROPOUTS = ['embd_pdrop', 'attn_pdrop', 'resid_pdrop'] as const;
const DEFAULT_DROPOUT = 0.1;

/**
 * @param path the file's, for errors.
 * @throws ModelFormatError naming the key whose value this transformer does not compute.
 */
export function readGpt2Config(config: JsonObject, path: string): Gpt2Config {
  const refuse = (key: string, reason: string): never => {
    throw new ModelFormatError(`${path}: ${key} ${shownValue(config[key])}: ${reason}`);
  };
  checkArchitecture(config, path);
  for (const [key, value, meaning] of ONLY) {
    const given = config[key] ?? value;
    if (given !== value) refuse(key, `must be ${JSON.stringify(value)}; ${meaning}`);
  }
  for (const [key, meaning] of NEVER) if (!isEmpty(config[key])) refuse(key, meaning);

  const count = (key: string, maximum = MAXIMUM_COUNT): number => {
    const value = config[key];
    if (value === undefined) throw new ModelFormatError(`${path}: ${key} is missing`);
    if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= maximum) return value;
    return refuse(key, `must be a whole number from 1 to ${maximum}`);
  };
  const width = count('n_embd');
  const heads = count('n_head');
  if (width % heads !== 0) refuse('n_embd', `must be divisible by n_head (${heads})`);
  if (config['n_inner'] !== undefined && config['n_inner'] !== null && config['n_inner'] !== 4 * width) {
    refuse('n_inner', `must be null or 4 · n_embd (${4 * width})`);
  }
  const activation = ACTIVATIONS.get(textOr(config['activation_function'], 'gelu_new'));
  if (!activation) refuse('activation_function', `must be one of ${[...ACTIVATIONS.keys()].join(', ')}`);
  const tied = config['tie_word_embeddings'] ?? true;
  if (typeof tied !== 'boolean') refuse('tie_word_embeddings', 'must be true or false');
  const { dropout, remarks } = readDropout(config, refuse);

  const model: ModelConfiguration = {
    layers: count('n_layer', MAXIMUM_LAYERS),
    heads,
    width,
    context: count(
      config['n_positions'] === undefined && config['n_ctx'] !== undefined ? 'n_ctx' : 'n_positions',
    ),
    vocabulary: count('vocab_size'),
    ...(dropout > 0 && { dropout }),
    ...(activation === 'gelu' && { activation }),
    ...(tied === false && { tiedEmbeddings: false }),
  };
  return { model, endOfText: tokensOf(config['eos_token_id'], model.vocabulary), remarks };
}

/** The `config.json` that makes `transformers` compute what we compute. */
export function writeGpt2Config(model: ModelConfiguration, endOfText: number | null): JsonObject {
  const dropout = model.dropout ?? 0;
  return {
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    n_layer: model.layers,
    n_head: model.heads,
    n_embd: model.width,
    n_inner: null,
    n_positions: model.context,
    n_ctx: model.context,
    vocab_size: model.vocabulary,
    activation_function: model.activation ?? 'gelu_new',
    layer_norm_epsilon: 1e-5,
    initializer_range: 0.02,
    tie_word_embeddings: model.tiedEmbeddings ?? true,
    embd_pdrop: dropout,
    attn_pdrop: dropout,
    resid_pdrop: dropout,
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    reorder_and_upcast_attn: false,
    bos_token_id: endOfText,
    eos_token_id: endOfText,
    torch_dtype: 'float32',
    use_cache: true,
  };
}

/** Tokens that a key names, alone or in a list, as far as the vocabulary has them. */
export function tokensOf(value: unknown, vocabulary: number): number[] {
  const tokens: readonly unknown[] = Array.isArray(value) ? value : [value];
  return tokens.filter(
    (token): token is number =>
      Number.isInteger(token) && (token as number) >= 0 && (token as number) < vocabulary,
  );
}

function checkArchitecture(config: JsonObject, path: string): void {
  const { architectures, model_type: type } = config;
  if (type !== undefined && type !== 'gpt2') {
    throw new ModelFormatError(`${path}: model_type ${shownValue(type)}: only "gpt2" is supported`);
  }
  if (Array.isArray(architectures) && architectures.length > 0) {
    if (architectures.some((name) => ARCHITECTURES.includes(name as string))) return;
    throw new ModelFormatError(
      `${path}: architectures ${shownValue(architectures)}: only ${ARCHITECTURES.join(' and ')} are supported`,
    );
  }
  if (type === undefined)
    throw new ModelFormatError(`${path}: neither model_type nor architectures says what it is`);
}

/** One rate for three: where the file's differ, none of them is ours. */
function readDropout(
  config: JsonObject,
  refuse: (key: string, reason: string) => never,
): { dropout: number; remarks: string[] } {
  const rates = DROPOUTS.map((key) => {
    const rate = config[key] ?? DEFAULT_DROPOUT;
    return typeof rate === 'number' && rate >= 0 && rate < 1 ? rate : refuse(key, 'must be a rate in [0, 1)');
  });
  if (new Set(rates).size === 1) return { dropout: rates[0]!, remarks: [] };
  const listed = DROPOUTS.map((key, i) => `${key} ${rates[i]}`).join(', ');
  return {
    dropout: 0,
    remarks: [`${listed}: the model has one rate for all three, so it is taken over without dropout`],
  };
}

function textOr(value: unknown, otherwise: string): string {
  if (value === undefined || value === null) return otherwise;
  return typeof value === 'string' ? value : '';
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === false ||
    (typeof value === 'object' && Object.keys(value).length === 0)
  );
}

function shownValue(value: unknown): string {
  return inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 100, maxArrayLength: 8 });
}
