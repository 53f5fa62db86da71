/**
 * The decoder of `@plumbline/model` as an ONNX program that takes tokens, appends their keys and values to caches, and
 * gives the probabilities of the next token. One program both for prompts and for single tokens.
 *
 * B rows, S tokens a row in this call, C tokens that the caches have room for, H heads, D width, V vocabulary.
 */
import type { ModelConfiguration } from '@plumbline/contracts';
import { OUTPUT_EMBEDDING, parameterShapes } from '@plumbline/model';
import { ElementType, GraphWriter, type NodeOptions } from './graph-writer.js';

/** As in `@plumbline/model`. */
const LAYER_NORM_EPSILON = 1e-5;

export interface DecoderProgram {
  /** ONNX; its weights are outside, under the model's parameter names. */
  readonly model: Uint8Array;
  readonly weights: readonly string[];
  /** Every cache [B, H, C, D/H]; what comes out under `after` may lie in the same memory as what went in. */
  readonly caches: readonly { readonly before: string; readonly after: string }[];
}

/** Names of the other inputs, and of the output. */
export const Port = {
  /** int32 [B, S], padded on the right. */
  tokens: 'tokens',
  /** int32 [B, S] */
  positions: 'positions',
  /** int32 [B]: index in the cache of each row's last token after this call. */
  ends: 'ends',
  /** int32 [1]: of the longest row, tokens in its cache after this call. */
  total: 'total',
  /** int64 [B, 2]: row, and which of its S tokens to predict after. */
  last: 'last',
  /** float [1]: 1 / temperature. */
  scale: 'scale',
  /** float [B, V], softmax of the scaled logits. */
  probabilities: 'probabilities',
} as const;

const CONTRIBUTED: NodeOptions = { contributed: true };

export function decoderProgram(config: ModelConfiguration): DecoderProgram {
  const { layers, heads, width, vocabulary } = config;
  const graph = new GraphWriter();
  const shapes = parameterShapes(config);
  for (const [name, shape] of Object.entries(shapes)) graph.external(name, shape);

  const tokens = graph.input(Port.tokens, ElementType.int32, ['B', 'S']);
  const positions = graph.input(Port.positions, ElementType.int32, ['B', 'S']);
  const ends = graph.input(Port.ends, ElementType.int32, ['B']);
  const total = graph.input(Port.total, ElementType.int32, [1]);
  const last = graph.input(Port.last, ElementType.int64, ['B', 2]);
  const scale = graph.input(Port.scale, ElementType.float, [1]);

  const gelu = config.activation === 'gelu' ? 'BiasGelu' : 'FastGelu';
  const caches: { before: string; after: string }[] = [];
  const cache = (name: string): { before: string; after: string } => {
    const shape = ['B', heads, 'C', width / heads];
    const entry = { before: graph.input(name, ElementType.float, shape), after: `${name}.after` };
    graph.output(entry.after, ElementType.float, shape);
    caches.push(entry);
    return entry;
  };
  /** Layer norm of x + addition + bias; gives that sum too. */
  const addAndNorm = (x: string, addition: string, bias: string, norm: string): [string, string] => {
    const normed = graph.newName();
    const sum = graph.newName();
    graph.addNamed(
      'SkipLayerNormalization',
      [x, addition, `${norm}.weight`, `${norm}.bias`, bias],
      [normed, '', '', sum],
      { floats: { epsilon: LAYER_NORM_EPSILON }, contributed: true },
    );
    return [normed, sum];
  };

  let x = graph.add('Add', [
    graph.add('Gather', ['wte.weight', tokens]),
    graph.add('Gather', ['wpe.weight', positions]),
  ]);
  let normed = graph.add('LayerNormalization', [x, 'h.0.ln_1.weight', 'h.0.ln_1.bias'], {
    integers: { axis: -1 },
    floats: { epsilon: LAYER_NORM_EPSILON },
  });
  for (let layer = 0; layer < layers; layer++) {
    const h = `h.${layer}`;
    const qkv = graph.add('Add', [
      graph.add('MatMul', [normed, `${h}.attn.c_attn.weight`]),
      `${h}.attn.c_attn.bias`,
    ]);
    const keys = cache(`${h}.keys`);
    const values = cache(`${h}.values`);
    const attended = graph.newName();
    graph.addNamed(
      'GroupQueryAttention',
      [qkv, '', '', keys.before, values.before, ends, total],
      [attended, keys.after, values.after],
      { integers: { num_heads: heads, kv_num_heads: heads }, contributed: true },
    );
    const mixed = graph.add('MatMul', [attended, `${h}.attn.c_proj.weight`]);
    const [inner, sum] = addAndNorm(x, mixed, `${h}.attn.c_proj.bias`, `${h}.ln_2`);
    const activated = graph.add(
      gelu,
      [graph.add('MatMul', [inner, `${h}.mlp.c_fc.weight`]), `${h}.mlp.c_fc.bias`],
      CONTRIBUTED,
    );
    const outer = graph.add('MatMul', [activated, `${h}.mlp.c_proj.weight`]);
    const following = layer + 1 < layers ? `h.${layer + 1}.ln_1` : 'ln_f';
    [normed, x] = addAndNorm(sum, outer, `${h}.mlp.c_proj.bias`, following);
  }
  const hidden = graph.add('Mul', [graph.add('GatherND', [normed, last]), scale]); // [B, D]
  const embedding = OUTPUT_EMBEDDING in shapes ? OUTPUT_EMBEDDING : 'wte.weight';
  const logits = graph.add('Gemm', [hidden, embedding], { integers: { transB: 1 } });
  graph.addNamed('Softmax', [logits], [Port.probabilities], { integers: { axis: -1 } });
  graph.output(Port.probabilities, ElementType.float, ['B', vocabulary]);
  return { model: graph.encode(), weights: Object.keys(shapes), caches };
}
