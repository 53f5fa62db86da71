/**
 * A GPT-2-style decoder as pure functions over named parameters, in Hugging Face's layout: pre-layer-norm blocks,
 * learned positions, dense weights stored [in, out]; GELU in either form, output embedding tied to the input embedding
 * or a parameter of its own.
 *
 * B batch, T time, D width, H heads, V vocabulary, P tokens already in the cache.
 */
import {
  attention,
  gelu,
  geluNew,
  layerNorm,
  normals,
  softmaxCrossEntropyAndEntropy,
  sparseSoftmaxCrossEntropy,
  tf,
  type Tensor,
} from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { dropout, type DropoutOptions } from './dropout.js';
import { mapValues, parameter, type Parameters } from './parameters.js';

const LAYER_NORM_EPSILON = 1e-5;
const INITIAL_DEVIATION = 0.02;
/** Added to the score of a key that must not be seen: e to this is 0, and it stays finite. */
const HIDDEN_SCORE = -1e9;
/** [V, D]; absent where it is the input embedding. */
export const OUTPUT_EMBEDDING = 'lm_head.weight';

export interface ForwardOptions {
  /** Position of each token, int32 [B, T]; absent: 0 … T−1 in every row. */
  readonly positions?: Tensor;
  /** 1 where there is a token, 0 where there is padding, [B, T]; absent: tokens everywhere. */
  readonly attentionMask?: Tensor;
}

export interface TrainingOptions extends ForwardOptions {
  /** Turns on the configuration's dropout; absent (sampling, evaluation, RL): off. */
  readonly dropout?: DropoutOptions;
}

/** Keys and values of one layer, each [B, H, P, D/H]. */
export type LayerCache = {
  readonly keys: Tensor;
  readonly values: Tensor;
};

/** Every parameter's name and shape. */
export function parameterShapes(config: ModelConfiguration): Record<string, readonly number[]> {
  const { width, layers, context, vocabulary } = config;
  const shapes: Record<string, readonly number[]> = {
    'wte.weight': [vocabulary, width],
    'wpe.weight': [context, width],
  };
  for (let layer = 0; layer < layers; layer++) {
    Object.assign(shapes, {
      [`h.${layer}.ln_1.weight`]: [width],
      [`h.${layer}.ln_1.bias`]: [width],
      [`h.${layer}.attn.c_attn.weight`]: [width, 3 * width],
      [`h.${layer}.attn.c_attn.bias`]: [3 * width],
      [`h.${layer}.attn.c_proj.weight`]: [width, width],
      [`h.${layer}.attn.c_proj.bias`]: [width],
      [`h.${layer}.ln_2.weight`]: [width],
      [`h.${layer}.ln_2.bias`]: [width],
      [`h.${layer}.mlp.c_fc.weight`]: [width, 4 * width],
      [`h.${layer}.mlp.c_fc.bias`]: [4 * width],
      [`h.${layer}.mlp.c_proj.weight`]: [4 * width, width],
      [`h.${layer}.mlp.c_proj.bias`]: [width],
    });
  }
  return {
    ...shapes,
    'ln_f.weight': [width],
    'ln_f.bias': [width],
    ...(!isTied(config) && { [OUTPUT_EMBEDDING]: [vocabulary, width] }),
  };
}

/**
 * GPT-2's initialisation: N(0, 0.02²), the projections into the residual stream smaller by √(2 · layers), biases zero
 * and layer norms the identity. A pure function of (config, seed).
 */
export function initialise(config: ModelConfiguration, seed: number): Parameters {
  return mapValues(parameterShapes(config), (shape, name) => {
    if (/ln_[12f]\.weight$/.test(name)) return tf.ones([...shape]);
    if (name.endsWith('.bias')) return tf.zeros([...shape]);
    const residual = name.endsWith('c_proj.weight');
    const deviation = residual ? INITIAL_DEVIATION / Math.sqrt(2 * config.layers) : INITIAL_DEVIATION;
    const values = normals(seed, `initialise ${name}`, shape[0]! * shape[1]!);
    return tf.tensor(
      values.map((value) => value * deviation),
      [...shape],
    );
  });
}

/**
 * Last hidden states after the final layer norm: tokens int32 [B, T] → [B, T, D]. With `dropout`, at GPT-2's three
 * kinds of sites, all at the configuration's one rate: embeddings, attention probabilities, and what attention and MLP
 * add to the residual stream.
 */
export function forward(
  parameters: Parameters,
  config: ModelConfiguration,
  tokens: Tensor,
  { positions, attentionMask, dropout: dropoutOptions }: TrainingOptions = {},
): Tensor {
  return tf.tidy(() => {
    const length = tokens.shape[1]!;
    const drop = dropoutAt(config.dropout ?? 0, dropoutOptions);
    let bias = causalBias(length, length);
    if (attentionMask) bias = bias.add(paddingBias(attentionMask));
    return decoder(parameters, config, tokens, positions, drop, (layer, q, k, v) =>
      attend(q, k, v, bias, drop === keepAll ? null : (p) => drop(p, attentionSite(layer))),
    );
  });
}

/**
 * `forward` for the next T tokens after the P that `cache` holds. Returns their hidden states and the grown cache;
 * the given one is left as it is. `attentionMask` is [B, P+T], `positions` [B, T].
 */
export function forwardCached(
  parameters: Parameters,
  config: ModelConfiguration,
  tokens: Tensor,
  cache: readonly LayerCache[],
  { positions, attentionMask }: ForwardOptions = {},
): { hidden: Tensor; cache: LayerCache[] } {
  return tf.tidy(() => {
    const length = tokens.shape[1]!;
    const past = cache[0]?.keys.shape[2] ?? 0;
    let bias: Tensor | null = length > 1 ? causalBias(length, past + length) : null;
    if (attentionMask) bias = bias ? bias.add(paddingBias(attentionMask)) : paddingBias(attentionMask);
    const start =
      positions ??
      tf
        .range(past, past + length, 1, 'int32')
        .expandDims(0)
        .tile([tokens.shape[0], 1]);
    const grown: LayerCache[] = [];
    const hidden = decoder(parameters, config, tokens, start, keepAll, (layer, q, k, v) => {
      const before = cache[layer];
      const keys = before ? tf.concat([before.keys, k], 2) : k;
      const values = before ? tf.concat([before.values, v], 2) : v;
      grown.push({ keys, values });
      return attend(q, keys, values, bias, null);
    });
    return { hidden, cache: grown };
  });
}

/** Logits of the next token: hidden [..., D] → [..., V]. */
export function logits(parameters: Parameters, hidden: Tensor): Tensor {
  const width = hidden.shape.at(-1)!;
  const embedding = parameters[OUTPUT_EMBEDDING] ?? parameter(parameters, 'wte.weight');
  return tf
    .matMul(hidden.reshape([-1, width]), embedding, false, true)
    .reshape([...hidden.shape.slice(0, -1), embedding.shape[0]]);
}

/** log p(token) in nats: logits [..., V], tokens int32 [...] → [...]. Divide the logits by the temperature before. */
export function tokenLogProbabilities(tokenLogits: Tensor, tokens: Tensor): Tensor {
  const vocabulary = tokenLogits.shape.at(-1)!;
  return sparseSoftmaxCrossEntropy(tokenLogits.reshape([-1, vocabulary]), tokens.reshape([-1]))
    .neg()
    .reshape(tokens.shape);
}

/** As `tokenLogProbabilities`, with the entropy in nats of the distribution that each token is from, [...]. */
export function tokenLogProbabilitiesAndEntropy(
  tokenLogits: Tensor,
  tokens: Tensor,
): { readonly logProbabilities: Tensor; readonly entropy: Tensor } {
  const rows = tokenLogits.reshape([-1, tokenLogits.shape.at(-1)!]);
  const { loss, entropy } = softmaxCrossEntropyAndEntropy(rows, tokens.reshape([-1]));
  return { logProbabilities: loss.neg().reshape(tokens.shape), entropy: entropy.reshape(tokens.shape) };
}

/** Whether the output embedding is the input embedding, as in GPT-2. */
function isTied(config: ModelConfiguration): boolean {
  return config.tiedEmbeddings ?? true;
}

type Attention = (layer: number, queries: Tensor, keys: Tensor, values: Tensor) => Tensor;

/** Dropout at one of the sites below. */
type Drop = (x: Tensor, site: number) => Tensor;

const EMBEDDING_SITE = 0;
const attentionSite = (layer: number): number => 1 + 3 * layer;
const mixedSite = (layer: number): number => 2 + 3 * layer;
const innerSite = (layer: number): number => 3 + 3 * layer;

const keepAll = (x: Tensor): Tensor => x;

function dropoutAt(rate: number, options: DropoutOptions | undefined): Drop {
  return options && rate > 0 ? (x, site) => dropout(x, rate, site, options) : keepAll;
}

/** Embedding, blocks and final norm; `attention` maps [B, H, T, D/H] queries, keys, values to [B, H, T, D/H]. */
function decoder(
  parameters: Parameters,
  config: ModelConfiguration,
  tokens: Tensor,
  positions: Tensor | undefined,
  drop: Drop,
  attention: Attention,
): Tensor {
  const [batch, length] = tokens.shape as [number, number];
  const { width, heads } = config;
  const rows = batch * length;
  const p = (name: string): Tensor => parameter(parameters, name);
  const activate = config.activation === 'gelu' ? gelu : geluNew;

  const splitHeads = (x: Tensor): Tensor =>
    x.reshape([batch, length, heads, width / heads]).transpose([0, 2, 1, 3]);

  let x = drop(embed(parameters, tokens, positions), EMBEDDING_SITE); // [B·T, D]
  for (let layer = 0; layer < config.layers; layer++) {
    const h = `h.${layer}`;
    const normed = layerNorm(x, p(`${h}.ln_1.weight`), p(`${h}.ln_1.bias`), LAYER_NORM_EPSILON);
    const qkv = dense(normed, p(`${h}.attn.c_attn.weight`), p(`${h}.attn.c_attn.bias`)); // [B·T, 3·D]
    const [q, k, v] = tf.split(qkv, 3, 1).map(splitHeads) as [Tensor, Tensor, Tensor];
    const mixed = attention(layer, q, k, v).transpose([0, 2, 1, 3]).reshape([rows, width]);
    const attended = dense(mixed, p(`${h}.attn.c_proj.weight`), p(`${h}.attn.c_proj.bias`));
    x = x.add(drop(attended, mixedSite(layer)));

    const inner = dense(
      layerNorm(x, p(`${h}.ln_2.weight`), p(`${h}.ln_2.bias`), LAYER_NORM_EPSILON),
      p(`${h}.mlp.c_fc.weight`),
      p(`${h}.mlp.c_fc.bias`),
    );
    const outer = dense(activate(inner), p(`${h}.mlp.c_proj.weight`), p(`${h}.mlp.c_proj.bias`));
    x = x.add(drop(outer, innerSite(layer)));
  }
  return layerNorm(x, p('ln_f.weight'), p('ln_f.bias'), LAYER_NORM_EPSILON).reshape([batch, length, width]);
}

/** Token plus position embedding, [B·T, D]. */
function embed(parameters: Parameters, tokens: Tensor, positions: Tensor | undefined): Tensor {
  const [batch, length] = tokens.shape as [number, number];
  const tokenEmbedding = tf.gather(parameter(parameters, 'wte.weight'), tokens.reshape([-1]).toInt());
  const table = parameter(parameters, 'wpe.weight'); // [context, D]
  const [context, width] = table.shape as [number, number];
  if (positions) return tokenEmbedding.add(tf.gather(table, positions.reshape([-1]).toInt()));
  if (length > context) throw new RangeError(`${length} tokens do not fit a context of ${context}`);
  return tokenEmbedding
    .reshape([batch, length, width])
    .add(table.slice([0, 0], [length, width]))
    .reshape([batch * length, width]);
}

/**
 * drop(softmax(q kᵀ / √(D/H) + bias)) v, with q [B, H, T, D/H], k and v [B, H, P+T, D/H]. Without dropout it is one
 * fused op.
 */
function attend(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  bias: Tensor | null,
  drop: ((probabilities: Tensor) => Tensor) | null,
): Tensor {
  if (!drop) return attention(q, k, v, bias);
  const scores = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(q.shape.at(-1)!)); // [B, H, T, P+T]
  return tf.matMul(drop(tf.softmax(bias ? scores.add(bias) : scores)), v);
}

/** [T, P+T]: hides from each of the last T tokens those after it. */
function causalBias(length: number, total: number): Tensor {
  const queries = tf.range(total - length, total, 1, 'int32').reshape([length, 1]);
  const keys = tf.range(0, total, 1, 'int32').reshape([1, total]);
  return queries.less(keys).toFloat().mul(HIDDEN_SCORE);
}

/** [B, 1, 1, T] from a mask [B, T]. */
function paddingBias(attentionMask: Tensor): Tensor {
  const [batch, total] = attentionMask.shape as [number, number];
  return attentionMask.toFloat().sub(1).mul(-HIDDEN_SCORE).reshape([batch, 1, 1, total]);
}

function dense(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D).add(bias);
}
