/**
 * Sampling from a language model with cached keys and values. Randomness comes in from outside, so a response depends
 * on its prompt and its own uniforms; the rows beside it and the engine change rounding only.
 */
import type { TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration } from '@plumbline/contracts';
import { availableParallelism } from 'node:os';
import type { Engine, EngineName } from './engine.js';
import { OnnxEngine } from './onnx/onnx-engine.js';
import { OnnxRuntime, OnnxRuntimeError } from './onnx/runtime.js';
import { checkRequest, shardsOf, type Generation, type GenerationRequest } from './request.js';
import { TfjsEngine } from './tfjs-engine.js';

export interface GeneratorOptions {
  /** `auto`, the default: ONNX Runtime, or TensorFlow with a warning where that cannot be loaded. */
  readonly engine?: EngineName | 'auto';
  /** Absent: every core. TensorFlow keeps the number it was loaded with. */
  readonly threads?: number;
  /** Called before TensorFlow generates; absent: the caller has loaded it. */
  readonly loadTensorFlow?: () => void;
}

export interface TextGenerator {
  readonly engine: EngineName;
  /**
   * Samples at most `responseTokens` tokens after each prompt. Calls wait for those before them.
   *
   * @throws RangeError when a prompt is empty or does not fit the context, or the uniforms do not match.
   * @throws NonFiniteLogitsError naming the position, before anything is drawn from it.
   */
  generate(request: GenerationRequest): Promise<Generation>;
  /** New weights for the generations after it. */
  update(weights: TensorMap): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * Loads a model for sampling; TensorFlow runs it whatever `engine` says if its heads are of a size that ONNX Runtime's
 * attention does not take. The weights are used where they lie: they must not change until `update` or `dispose`.
 *
 * @param weights the transformer's, as `parameterShapes` lists them
 * @throws OnnxRuntimeError when `engine` is `onnx` and it cannot be loaded
 */
export function createGenerator(
  config: ModelConfiguration,
  weights: TensorMap,
  options: GeneratorOptions = {},
): Promise<TextGenerator> {
  return Promise.resolve().then(() => new EngineGenerator(config, createEngine(config, weights, options)));
}

/** The engine that `auto` takes on this machine; warns once where it is not the fast one. */
export function availableEngine(): EngineName {
  available ??= findEngine();
  return available;
}

let available: EngineName | null = null;

function findEngine(): EngineName {
  try {
    OnnxRuntime.load();
    return 'onnx';
  } catch (error) {
    if (!(error instanceof OnnxRuntimeError)) throw error;
    process.emitWarning(`${error.message}; TensorFlow generates text instead, which is slower`, {
      code: 'PLUMBLINE_SLOW_GENERATION',
    });
    return 'tfjs';
  }
}

/** ONNX Runtime's fused attention takes heads of so many numbers, or a multiple; TensorFlow takes any. */
const ONNX_HEAD_MULTIPLE = 8;

function createEngine(
  config: ModelConfiguration,
  weights: TensorMap,
  { engine = 'auto', threads = availableParallelism(), loadTensorFlow }: GeneratorOptions,
): Engine {
  const chosen = engine === 'auto' ? availableEngine() : engine;
  const headSize = config.width / config.heads;
  if (chosen === 'onnx' && headSize % ONNX_HEAD_MULTIPLE === 0)
    return new OnnxEngine(config, weights, threads);
  loadTensorFlow?.();
  return new TfjsEngine(config, weights);
}

class EngineGenerator implements TextGenerator {
  readonly engine: EngineName;
  private queue: Promise<unknown> = Promise.resolve();
  private disposed = false;

  constructor(
    private readonly config: ModelConfiguration,
    private readonly implementation: Engine,
  ) {
    this.engine = implementation.name;
  }

  generate(request: GenerationRequest): Promise<Generation> {
    return this.after(async () => {
      checkRequest(this.config, request);
      const { breathe, signal, progress, promptTokens } = request;
      const between = async (): Promise<void> => {
        signal?.throwIfAborted();
        await breathe?.();
      };
      const tokens: number[][] = [];
      const logProbabilities: number[][] = [];
      for (const shard of shardsOf(request)) {
        signal?.throwIfAborted();
        const result = await this.implementation.generateShard(shard, request, between);
        tokens.push(...result.tokens.slice(0, shard.count));
        logProbabilities.push(...result.logProbabilities.slice(0, shard.count));
        progress?.({ done: tokens.length, total: promptTokens.length });
      }
      return { tokens, logProbabilities };
    });
  }

  update(weights: TensorMap): Promise<void> {
    return this.after(() => {
      this.implementation.update(weights);
    });
  }

  async dispose(): Promise<void> {
    if (this.disposed) return;
    await this.after(() => {
      this.implementation.dispose();
    });
    this.disposed = true;
  }

  /** One at a time: they share an engine. */
  private after<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.queue.then(() => {
      if (this.disposed) throw new Error('this generator was disposed of');
      return work();
    });
    this.queue = result.catch(() => undefined);
    return result;
  }
}
