/**
 * Sampling with ONNX Runtime. The rows of a shard are split into groups, each with caches of its own; as many groups
 * compute at once as there are threads, each on one thread, so that threads never wait for one another inside an op and
 * the tokens of one group are drawn while another computes.
 */
import type { NamedTensor, TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration } from '@plumbline/contracts';
import { checkShapes, parameterShapes } from '@plumbline/model';
import type { Engine } from '../engine.js';
import {
  NonFiniteLogitsError,
  stopTokens,
  type Generation,
  type GenerationRequest,
  type Shard,
} from '../request.js';
import { draw, likeliest } from '../sampling.js';
import { decoderProgram, Port, type DecoderProgram } from './decoder-program.js';
import { OnnxRuntime, type OrtCall, type OrtSession, type OrtTensor } from './runtime.js';

/** More rows share a reading of the weights, fewer keep their caches near the processor. */
const MOST_ROWS = 32;
const FEWEST_ROWS = 8;
/** libuv's pool; more runs would wait there. */
const MOST_RUNS = 4;
/** Below this many weights a single run is faster on one thread than on several that wait for one another. */
const LARGE_MODEL = 20e6;

export class OnnxEngine implements Engine {
  readonly name = 'onnx';
  private readonly runtime: OnnxRuntime;
  private readonly program: DecoderProgram;
  private weights: Record<string, { data: Float32Array; shape: readonly number[] }>;
  private session: { readonly threads: number; readonly session: OrtSession } | null = null;

  /** @throws OnnxRuntimeError when the library cannot be loaded */
  constructor(
    private readonly config: ModelConfiguration,
    weights: TensorMap,
    private readonly threads: number,
  ) {
    this.runtime = OnnxRuntime.load();
    this.program = decoderProgram(config);
    this.weights = floatWeights(config, weights);
    // A model that ONNX Runtime refuses shows here, not in the middle of a generation.
    this.sessionWith(1);
  }

  update(weights: TensorMap): void {
    this.weights = floatWeights(this.config, weights);
    this.dispose();
  }

  async generateShard(
    shard: Shard,
    request: GenerationRequest,
    between: () => Promise<void>,
  ): Promise<Generation> {
    const { promptTokens } = shard;
    const rows = Math.min(MOST_ROWS, Math.max(FEWEST_ROWS, Math.ceil(promptTokens.length / this.threads)));
    const starts = Array.from({ length: Math.ceil(promptTokens.length / rows) }, (_, i) => i * rows);
    const runs = Math.min(starts.length, this.threads, MOST_RUNS);
    const large = this.isLarge();
    const session = this.sessionWith(runs === 1 && large ? this.threads : 1);
    const tokens: number[][] = [];
    const logProbabilities: number[][] = [];
    const here = runs === 1 && !large;
    const worker = async (): Promise<void> => {
      for (let start = starts.shift(); start !== undefined; start = starts.shift()) {
        const end = Math.min(start + rows, promptTokens.length);
        const group = new Group(this.runtime, session, this.program, this.config, {
          prompts: promptTokens.slice(start, end),
          uniforms:
            shard.uniforms?.subarray(start * request.responseTokens, end * request.responseTokens) ?? null,
          firstRow: start,
          request,
          here,
        });
        try {
          await group.generate(between);
        } catch (error) {
          starts.length = 0; // No other group begins.
          throw error;
        } finally {
          group.dispose();
        }
        for (let row = start; row < end; row++) {
          tokens[row] = group.tokens[row - start]!;
          logProbabilities[row] = group.logProbabilities[row - start]!;
        }
      }
    };
    // All of them end before anything is thrown: their memory is in use until then.
    const ended = await Promise.allSettled(Array.from({ length: runs }, worker));
    for (const result of ended) if (result.status === 'rejected') throw result.reason;
    return { tokens, logProbabilities };
  }

  dispose(): void {
    this.session?.session.dispose();
    this.session = null;
  }

  private isLarge(): boolean {
    return Object.values(this.weights).reduce((sum, { data }) => sum + data.length, 0) >= LARGE_MODEL;
  }

  private sessionWith(threads: number): OrtSession {
    if (this.session?.threads !== threads) {
      this.dispose();
      const session = this.runtime.session(this.program.model, this.weights, threads);
      this.session = { threads, session };
    }
    return this.session.session;
  }
}

interface GroupWork {
  readonly prompts: readonly (readonly number[])[];
  readonly uniforms: Float32Array | null;
  /** In the shard: for messages. */
  readonly firstRow: number;
  readonly request: GenerationRequest;
  /** Computes on the calling thread: nothing else computes meanwhile, and a call is short. */
  readonly here: boolean;
}

/** Rows that go through the program together, with their caches. */
class Group {
  readonly tokens: number[][];
  readonly logProbabilities: number[][];
  private readonly tensors: OrtTensor[] = [];
  private readonly ends: Int32Array;
  private readonly total = new Int32Array(1);
  private readonly last: BigInt64Array;
  private readonly nextTokens: Int32Array;
  private readonly nextPositions: Int32Array;
  private readonly probabilities: Float32Array;
  private readonly prefill: OrtCall;
  private readonly step: OrtCall;

  constructor(
    private readonly runtime: OnnxRuntime,
    session: OrtSession,
    program: DecoderProgram,
    private readonly config: ModelConfiguration,
    private readonly work: GroupWork,
  ) {
    const { prompts, request } = work;
    const { heads, width, vocabulary } = config;
    const rows = prompts.length;
    const longest = Math.max(...prompts.map((prompt) => prompt.length));
    const room = longest + request.responseTokens;
    this.tokens = prompts.map(() => []);
    this.logProbabilities = prompts.map(() => []);
    this.ends = new Int32Array(rows);
    this.last = new BigInt64Array(2 * rows);
    this.nextTokens = new Int32Array(rows);
    this.nextPositions = new Int32Array(rows);
    this.probabilities = new Float32Array(rows * vocabulary);

    const promptTokens = new Int32Array(rows * longest);
    const promptPositions = Int32Array.from(promptTokens, (_, i) => i % longest);
    prompts.forEach((prompt, row) => {
      promptTokens.set(prompt, row * longest);
    });
    const scale = Float32Array.of(request.temperature > 0 ? 1 / request.temperature : 1);
    const shared = {
      [Port.ends]: this.tensor(this.ends, [rows]),
      [Port.total]: this.tensor(this.total, [1]),
      [Port.last]: this.tensor(this.last, [rows, 2]),
      [Port.scale]: this.tensor(scale, [1]),
    };
    const before: Record<string, OrtTensor> = {};
    const after: Record<string, OrtTensor> = {
      [Port.probabilities]: this.tensor(this.probabilities, [rows, vocabulary]),
    };
    for (const cache of program.caches) {
      const shape = [rows, heads, room, width / heads];
      const tensor = this.tensor(new Float32Array(rows * room * width), shape);
      before[cache.before] = tensor;
      after[cache.after] = tensor;
    }
    const call = (tokens: Int32Array, positions: Int32Array, length: number): OrtCall =>
      session.bind(
        {
          [Port.tokens]: this.tensor(tokens, [rows, length]),
          [Port.positions]: this.tensor(positions, [rows, length]),
          ...shared,
          ...before,
        },
        after,
      );
    this.prefill = call(promptTokens, promptPositions, longest);
    this.step = call(this.nextTokens, this.nextPositions, 1);
  }

  async generate(between: () => Promise<void>): Promise<void> {
    const { prompts, request, here } = this.work;
    const stops = stopTokens(request);
    const lengths = prompts.map((prompt) => prompt.length);
    const longest = Math.max(...lengths);
    const ended = prompts.map(() => false);
    for (let position = 0; position < request.responseTokens; position++) {
      lengths.forEach((length, row) => {
        this.nextPositions[row] = length + position - 1;
        this.ends[row] = length + position - 1;
        this.last[2 * row] = BigInt(row);
        this.last[2 * row + 1] = BigInt(position === 0 ? length - 1 : 0);
      });
      this.total[0] = longest + position;
      const call = position === 0 ? this.prefill : this.step;
      if (here) call.runSync();
      else await call.run();
      this.drawTokens(position, stops, ended);
      await between();
      if (!ended.includes(false)) break;
    }
  }

  dispose(): void {
    for (const tensor of this.tensors) this.runtime.release(tensor);
  }

  private drawTokens(position: number, stops: ReadonlySet<number>, ended: boolean[]): void {
    const { uniforms, request, firstRow } = this.work;
    const { vocabulary } = this.config;
    for (let row = 0; row < ended.length; row++) {
      if (ended[row]) continue;
      const probabilities = this.probabilities.subarray(row * vocabulary, (row + 1) * vocabulary);
      const drawn = uniforms
        ? draw(probabilities, uniforms[row * request.responseTokens + position]!, request)
        : likeliest(probabilities);
      if (drawn === null) {
        throw new NonFiniteLogitsError(
          `row ${firstRow + row}: the model's logits for response token ${position} are not finite`,
        );
      }
      this.tokens[row]!.push(drawn.token);
      this.logProbabilities[row]!.push(drawn.logProbability);
      this.nextTokens[row] = drawn.token;
      ended[row] = stops.has(drawn.token);
    }
  }

  private tensor(data: Float32Array | Int32Array | BigInt64Array, shape: readonly number[]): OrtTensor {
    const tensor = this.runtime.tensor(data, shape);
    this.tensors.push(tensor);
    return tensor;
  }
}

/** @throws when a weight is missing, has another shape or is no float */
function floatWeights(
  config: ModelConfiguration,
  weights: TensorMap,
): Record<string, { data: Float32Array; shape: readonly number[] }> {
  const shapes = parameterShapes(config);
  checkShapes(weights, shapes);
  return Object.fromEntries(
    Object.keys(shapes).map((name) => {
      const { data, shape } = weights[name] as NamedTensor;
      if (!(data instanceof Float32Array)) throw new TypeError(`${name} is not of 32-bit floats`);
      return [name, { data, shape }];
    }),
  );
}
