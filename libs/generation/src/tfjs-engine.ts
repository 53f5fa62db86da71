/** Sampling with TensorFlow, op by op: for GPUs, and for processors that ONNX Runtime is not built for. */
import type { TensorMap } from '@plumbline/artifacts';
import { tf, type Tensor2D } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import {
  checkShapes,
  disposeParameters,
  forwardCached,
  fromTensorMap,
  logits,
  parameterShapes,
  type LayerCache,
  type Parameters,
} from '@plumbline/model';
import type { Engine } from './engine.js';
import {
  NonFiniteLogitsError,
  stopTokens,
  type Generation,
  type GenerationRequest,
  type Shard,
} from './request.js';
import { draw, likeliest } from './sampling.js';

export class TfjsEngine implements Engine {
  readonly name = 'tfjs';
  private parameters: Parameters;

  constructor(
    private readonly config: ModelConfiguration,
    weights: TensorMap,
  ) {
    checkShapes(weights, parameterShapes(config));
    this.parameters = fromTensorMap(weights);
  }

  update(weights: TensorMap): void {
    checkShapes(weights, parameterShapes(this.config));
    disposeParameters(this.parameters);
    this.parameters = fromTensorMap(weights);
  }

  dispose(): void {
    disposeParameters(this.parameters);
  }

  async generateShard(
    { promptTokens, uniforms }: Shard,
    request: GenerationRequest,
    between: () => Promise<void>,
  ): Promise<Generation> {
    const { responseTokens, temperature } = request;
    const { vocabulary } = this.config;
    const batch = promptTokens.length;
    const padded = leftPad(promptTokens);
    const stops = stopTokens(request);
    const ended = promptTokens.map(() => false);
    const tokens = promptTokens.map((): number[] => []);
    const logProbabilities = promptTokens.map((): number[] => []);
    const drawn = new Int32Array(batch);

    let cache: LayerCache[] = [];
    let input: Tensor2D = tf.tensor2d(padded.tokens, [batch, padded.length], 'int32');
    try {
      for (let step = 0; step < responseTokens; step++) {
        const next = decodeStep(this.parameters, this.config, {
          input,
          cache,
          positions: step === 0 ? padded.positions : padded.lengths.map((length) => length + step - 1),
          padding: padded.padding,
          temperature,
        });
        tf.dispose([input, cache.map(({ keys, values }) => [keys, values])]);
        cache = next.cache;
        const probabilities = next.probabilities.dataSync<'float32'>();
        next.probabilities.dispose();
        for (let row = 0; row < batch; row++) {
          if (ended[row]) continue;
          const ofRow = probabilities.subarray(row * vocabulary, (row + 1) * vocabulary);
          const choice = uniforms
            ? draw(ofRow, uniforms[row * responseTokens + step]!, request)
            : likeliest(ofRow);
          if (choice === null) {
            throw new NonFiniteLogitsError(
              `row ${row}: the model's logits for response token ${step} are not finite`,
            );
          }
          tokens[row]!.push(choice.token);
          logProbabilities[row]!.push(choice.logProbability);
          drawn[row] = choice.token;
          ended[row] = stops.has(choice.token);
        }
        input = tf.tensor2d(drawn.slice(), [batch, 1], 'int32');
        await between();
        if (!ended.includes(false)) break;
      }
    } finally {
      tf.dispose([input, cache.map(({ keys, values }) => [keys, values])]);
    }
    return { tokens, logProbabilities };
  }
}

interface DecodeStep {
  /** [B, T] for the prompts, then [B, 1]. */
  readonly input: Tensor2D;
  readonly cache: readonly LayerCache[];
  /** One for each input token. */
  readonly positions: readonly number[];
  /** Padding tokens at the start of each row. */
  readonly padding: readonly number[];
  readonly temperature: number;
}

/** `probabilities` of the next token, [B, V], after temperature. */
function decodeStep(
  parameters: Parameters,
  config: ModelConfiguration,
  step: DecodeStep,
): { cache: LayerCache[]; probabilities: Tensor2D } {
  const { input, cache, padding, temperature } = step;
  const result = tf.tidy(() => {
    const [batch, length] = input.shape;
    const past = cache[0]?.keys.shape[2] ?? 0;
    const { hidden, cache: grown } = forwardCached(parameters, config, input, cache, {
      positions: tf.tensor2d([...step.positions], [batch, length], 'int32'),
      attentionMask: padding.some((count) => count > 0) ? attentionMask(padding, past + length) : undefined,
    });
    const last = hidden.slice([0, length - 1], [batch, 1]).reshape([batch, config.width]);
    const scores = logits(parameters, last);
    return { cache: grown, probabilities: tf.softmax(temperature > 0 ? scores.div(temperature) : scores) };
  });
  return result as unknown as { cache: LayerCache[]; probabilities: Tensor2D };
}

/** 1 where there is a token, [B, total]. */
function attentionMask(padding: readonly number[], total: number): Tensor2D {
  const mask = new Float32Array(padding.length * total).fill(1);
  padding.forEach((count, row) => mask.fill(0, row * total, row * total + count));
  return tf.tensor2d(mask, [padding.length, total]);
}

function leftPad(prompts: readonly (readonly number[])[]): {
  length: number;
  tokens: Int32Array;
  positions: number[];
  padding: number[];
  lengths: number[];
} {
  const lengths = prompts.map((prompt) => prompt.length);
  const length = Math.max(...lengths);
  const padding = lengths.map((each) => length - each);
  const tokens = new Int32Array(prompts.length * length);
  const positions = new Array<number>(tokens.length).fill(0);
  prompts.forEach((prompt, row) => {
    prompt.forEach((token, i) => {
      tokens[row * length + padding[row]! + i] = token;
      positions[row * length + padding[row]! + i] = i;
    });
  });
  return { length, tokens, positions, padding, lengths };
}
