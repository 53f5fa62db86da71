/**
 * Gradient, clipping and AdamW as one update. The trainer owns parameters and moments on the device; everything that
 * varies from update to update enters as a tensor.
 */
import type { TensorMap } from '@plumbline/artifacts';
import { tf, type Tensor } from '@plumbline/compute';
import { disposeParameters, fromTensorMap, mapValues, toTensorMap, type Parameters } from '@plumbline/model';
import { EAGER_FP32, type ExecutionPlan } from './execution-plan.js';
import {
  adamW,
  ADAMW_DEFAULTS,
  adamWSchedule,
  zeroMoments,
  type AdamWOptions,
  type AdamWSchedule,
} from './adamw.js';
import { eachLayer } from './layers.js';
import { type LossAndGradients } from './loss-gradients.js';
import { NamedFunction, type NamedTensors, type OnCompile } from './named-function.js';
import { shardedLossAndGradients } from './row-shards.js';

/** Named inputs of the loss, the same names and shapes at every update. */
export type Batch = Readonly<Record<string, Tensor>>;

/** The loss to minimise and what else to report of the batch; loss and metrics are scalars. */
export interface LossValue {
  readonly loss: Tensor;
  readonly metrics?: Readonly<Record<string, Tensor>>;
  /** Tensors of any shape that `evaluate` returns, such as log-probabilities. */
  readonly outputs?: Readonly<Record<string, Tensor>>;
  /**
   * Over how many examples or tokens loss and metrics are means, a scalar: micro-batches count in this proportion.
   * Absent: all count the same.
   */
  readonly weight?: Tensor;
}

/** A function of its arguments alone: numbers that vary belong into the batch. */
export type LossFunction = (parameters: Parameters, batch: Batch) => LossValue;

export interface TrainerOptions {
  readonly loss: LossFunction;
  readonly adamW?: Partial<AdamWOptions>;
  /** Gradients are scaled down to this global norm. */
  readonly maximumGradientNorm: number;
  readonly weights: TensorMap;
  /** Moments of an earlier trainer's snapshot; absent: zero. */
  readonly optimizer?: TensorMap;
  /** Updates already done; counts for Adam's bias correction. */
  readonly updates?: number;
  /**
   * Whether updates run as compiled programs or op by op (default). Compiling takes seconds for each new shape of
   * batch; plans differ in rounding, so a step must not change between them.
   */
  readonly plan?: Pick<ExecutionPlan, 'mode' | 'precision' | 'rowShards'>;
  /**
   * That loss and metrics are means over rows (weighted by `weight`), and every tensor of a batch and every output has
   * the rows as its first axis: then the plan may have the rows computed in parts.
   */
  readonly meanOverRows?: boolean;
  /** Called before a program is compiled, which takes seconds. */
  readonly onCompile?: OnCompile;
}

/** Loss, gradient norm before clipping (`gradientNorm`) and the loss function's metrics. */
export type UpdateMetrics = Readonly<Record<string, number>>;

/** An update whose loss or gradient is NaN or infinite; nothing was changed by it. */
export class NonFiniteUpdateError extends Error {
  override readonly name = 'NonFiniteUpdateError';
}

export class Trainer {
  private parametersNow: Parameters;
  private moments: Parameters;
  private updatesDone: number;
  private readonly adamW: AdamWOptions;
  private readonly programs = new Map<string, NamedFunction>();

  constructor(private readonly options: TrainerOptions) {
    this.adamW = { ...ADAMW_DEFAULTS, ...options.adamW };
    this.parametersNow = fromTensorMap(options.weights);
    this.moments = options.optimizer ? fromTensorMap(options.optimizer) : zeroMoments(this.parametersNow);
    this.updatesDone = options.updates ?? 0;
  }

  /**
   * Starts over from other weights, of the same names and shapes, with moments of zero: as a new trainer would, but for
   * the programs, which are compiled already.
   */
  restart(weights: TensorMap): void {
    disposeParameters({ ...this.parametersNow, ...this.moments });
    this.parametersNow = fromTensorMap(weights);
    this.moments = zeroMoments(this.parametersNow);
    this.updatesDone = 0;
  }

  /** The current parameters; replaced and disposed of by `update`. */
  get parameters(): Parameters {
    return this.parametersNow;
  }

  get updates(): number {
    return this.updatesDone;
  }

  /**
   * One update. Several micro-batches make the update that one large batch of all their rows would make, but for
   * rounding: gradients, loss and metrics are means over them, weighted by the loss function's `weight`. Only one
   * micro-batch is in memory at a time. The batches stay the caller's.
   *
   * @throws NonFiniteUpdateError before anything changed; RangeError without a batch.
   */
  update(batch: Batch | readonly Batch[], learningRate: number): UpdateMetrics {
    const batches = isList(batch) ? batch : [batch];
    if (batches.length === 0) throw new RangeError('an update needs at least one batch');
    const update = this.updatesDone + 1;
    const schedule = adamWSchedule(update, learningRate, this.adamW);
    const { metrics, parameters, moments } =
      batches.length === 1 ? this.step(batches[0]!, schedule) : this.accumulatedStep(batches, schedule);
    if (!Number.isFinite(metrics['loss']) || !Number.isFinite(metrics['gradientNorm'])) {
      disposeParameters({ ...parameters, ...moments });
      throw new NonFiniteUpdateError(
        `update ${update}: loss ${metrics['loss']}, gradient norm ${metrics['gradientNorm']}; nothing was changed`,
      );
    }
    disposeParameters({ ...this.parametersNow, ...this.moments });
    this.parametersNow = parameters;
    this.moments = moments;
    this.updatesDone = update;
    return metrics;
  }

  /**
   * Metrics and outputs of a batch at the current parameters, which stay as they are. They come from the very programs
   * that update: what the next update computes of the same batch, or of the same micro-batches, is equal to the last
   * bit. Costs as much as an update. Outputs of micro-batches stand one below the other.
   *
   * @throws RangeError without a batch
   */
  evaluate(batch: Batch | readonly Batch[]): {
    metrics: UpdateMetrics;
    outputs: Readonly<Record<string, Float32Array>>;
  } {
    const batches = isList(batch) ? batch : [batch];
    if (batches.length === 0) throw new RangeError('nothing to evaluate: there is no batch');
    const schedule = adamWSchedule(this.updatesDone + 1, 0, this.adamW);
    const { metrics, outputs, parameters, moments } =
      batches.length === 1 ? this.step(batches[0]!, schedule) : this.accumulatedStep(batches, schedule);
    disposeParameters({ ...parameters, ...moments });
    return { metrics, outputs };
  }

  /** Parameters and moments in host memory. */
  snapshot(): { weights: TensorMap; optimizer: TensorMap } {
    return { weights: toTensorMap(this.parametersNow), optimizer: toTensorMap(this.moments) };
  }

  dispose(): void {
    disposeParameters({ ...this.parametersNow, ...this.moments });
    for (const program of this.programs.values()) program.dispose();
    this.programs.clear();
  }

  /** Forward, backward and optimizer as one program. */
  private step(batch: Batch, schedule: AdamWSchedule<number>): StepResult {
    const result = this.run(
      'the training update',
      {
        schedule: scalars(schedule),
        batch,
        parameters: this.parametersNow,
        moments: this.moments,
      },
      ({ schedule, batch, parameters, moments }) => {
        const given = this.lossAndGradients(parameters!, batch!);
        const { metrics, outputs, gradients, weight } = given;
        if (weight) tf.dispose(weight);
        const { gradientNorm, ...next } = this.optimizerStep(parameters!, moments!, gradients, schedule!);
        return { ...next, metrics: { ...metrics, gradientNorm }, outputs };
      },
    );
    return {
      parameters: result['parameters']!,
      moments: result['moments']!,
      metrics: mapValues(read(result['metrics']!), (values) => values[0]!),
      outputs: read(result['outputs']!),
    };
  }

  /** One program that adds the weighted gradients of a micro-batch to those before, one that applies their mean. */
  private accumulatedStep(batches: readonly Batch[], schedule: AdamWSchedule<number>): StepResult {
    let gradientSums: Parameters | null = null;
    const metricSums: Record<string, number> = {};
    const outputs: Readonly<Record<string, Float32Array>>[] = [];
    let weight = 0;
    for (const batch of batches) {
      const result: NamedTensors = this.run(
        gradientSums ? 'the further gradients' : 'the first gradients',
        { batch, parameters: this.parametersNow, ...(gradientSums && { gradientSums }) },
        ({ batch, parameters, gradientSums }) => {
          const given = this.lossAndGradients(parameters!, batch!);
          const share = given.weight ?? tf.scalar(1);
          const weighted = mapValues(given.gradients, (gradient, name) => {
            const part = gradient.mul(share);
            return gradientSums ? gradientSums[name]!.add(part) : part;
          });
          return {
            gradientSums: weighted,
            metrics: given.metrics,
            weight: { share },
            outputs: given.outputs,
          };
        },
      );
      outputs.push(read(result['outputs']!));
      if (gradientSums) disposeParameters(gradientSums);
      gradientSums = result['gradientSums']!;
      const share = read(result['weight']!)['share']![0]!;
      for (const [name, [value]] of Object.entries(read(result['metrics']!))) {
        metricSums[name] = (metricSums[name] ?? 0) + share * value!;
      }
      weight += share;
    }
    const result = this.run(
      'the optimizer update',
      {
        schedule: scalars({ ...schedule, weight }),
        gradientSums: gradientSums!,
        parameters: this.parametersNow,
        moments: this.moments,
      },
      ({ schedule, gradientSums, parameters, moments }) => {
        const gradients = mapValues(gradientSums!, (sum) => sum.div(schedule!['weight']!));
        const { gradientNorm, ...next } = this.optimizerStep(parameters!, moments!, gradients, schedule!);
        return { ...next, metrics: { gradientNorm } };
      },
    );
    disposeParameters(gradientSums!);
    const means = mapValues(metricSums, (sum) => sum / weight);
    const gradientNorm = read(result['metrics']!)['gradientNorm']![0]!;
    return {
      parameters: result['parameters']!,
      moments: result['moments']!,
      metrics: { ...means, gradientNorm },
      outputs: mapValues(outputs[0]!, (_, name) => joined(outputs.map((each) => each[name]!))),
    };
  }

  private lossAndGradients(parameters: Parameters, batch: Batch): LossAndGradients {
    const { loss, meanOverRows, plan } = this.options;
    return shardedLossAndGradients(loss, parameters, batch, meanOverRows ? (plan?.rowShards ?? 1) : 1);
  }

  /** Clipping and AdamW. */
  private optimizerStep(
    parameters: Parameters,
    moments: Parameters,
    gradients: Parameters,
    schedule: Readonly<Record<string, Tensor>>,
  ): { parameters: Parameters; moments: Parameters; gradientNorm: Tensor } {
    const rates = schedule as unknown as AdamWSchedule<Tensor>;
    if ((this.options.plan?.rowShards ?? 1) > 1) {
      return this.optimizerStepByLayer(parameters, moments, gradients, rates);
    }
    const clipped = clipByGlobalNorm(gradients, this.options.maximumGradientNorm);
    const next = adamW(parameters, moments, clipped.gradients, rates, this.adamW);
    return { ...next, gradientNorm: clipped.norm };
  }

  /** The same, where the threads of the plan share the work by whole ops. */
  private optimizerStepByLayer(
    parameters: Parameters,
    moments: Parameters,
    gradients: Parameters,
    rates: AdamWSchedule<Tensor>,
  ): { parameters: Parameters; moments: Parameters; gradientNorm: Tensor } {
    const names = Object.keys(parameters);
    const [squares] = eachLayer([gradients], {}, ([own]) => [{ squares: sumOfSquares(own!) }]);
    const { norm, scale } = clipping(tf.addN(Object.values(squares!)), this.options.maximumGradientNorm);
    const [nextParameters, m, v] = eachLayer(
      [parameters, ...MOMENTS.map((kind) => withoutPrefix(moments, kind, names)), gradients],
      { scale, ...rates },
      ([own, m, v, gradients], shared) => {
        const next = adamW(
          own!,
          { ...withPrefix(m!, MOMENTS[0]), ...withPrefix(v!, MOMENTS[1]) },
          mapValues(gradients!, (gradient) => gradient.mul(shared['scale']!)),
          shared as unknown as AdamWSchedule<Tensor>,
          this.adamW,
        );
        const inLayer = Object.keys(own!);
        return [next.parameters, ...MOMENTS.map((kind) => withoutPrefix(next.moments, kind, inLayer))];
      },
    );
    return {
      parameters: nextParameters!,
      moments: { ...withPrefix(m!, MOMENTS[0]), ...withPrefix(v!, MOMENTS[1]) },
      gradientNorm: norm,
    };
  }

  /** Runs `fn` as the plan says; `schedule` among the inputs is disposed of, the rest stays the caller's. */
  private run(name: string, inputs: NamedTensors, fn: (inputs: NamedTensors) => NamedTensors): NamedTensors {
    let program = this.programs.get(name);
    if (!program) {
      program = new NamedFunction(name, fn, this.options.plan ?? EAGER_FP32, this.options.onCompile);
      this.programs.set(name, program);
    }
    const outputs = program.run(inputs);
    if (inputs['schedule']) disposeParameters(inputs['schedule']);
    return outputs;
  }
}

interface StepResult {
  readonly parameters: Parameters;
  readonly moments: Parameters;
  readonly metrics: UpdateMetrics;
  readonly outputs: Readonly<Record<string, Float32Array>>;
}

const MOMENTS = ['m.', 'v.'] as const;

function withPrefix(tensors: Parameters, prefix: string): Parameters {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
}

function withoutPrefix(tensors: Parameters, prefix: string, names: readonly string[]): Parameters {
  return Object.fromEntries(names.map((name) => [name, tensors[prefix + name]!]));
}

function isList(batch: Batch | readonly Batch[]): batch is readonly Batch[] {
  return Array.isArray(batch);
}

function scalars(values: object): Record<string, Tensor> {
  return mapValues(values as Record<string, number>, (value) => tf.scalar(value));
}

/** The values of scalars and other tensors, which are disposed of. */
function read(tensors: Readonly<Record<string, Tensor>>): Record<string, Float32Array> {
  const values = mapValues(tensors, (tensor) => Float32Array.from(tensor.dataSync()));
  disposeParameters(tensors);
  return values;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** Scales all gradients by one factor so that their joint Euclidean norm is at most `maximum`. */
export function clipByGlobalNorm(
  gradients: Parameters,
  maximum: number,
): { gradients: Parameters; norm: Tensor } {
  const { norm, scale } = clipping(sumOfSquares(gradients), maximum);
  return { gradients: mapValues(gradients, (gradient) => gradient.mul(scale)), norm };
}

function sumOfSquares(tensors: Parameters): Tensor {
  return tf.addN(Object.values(tensors).map((tensor) => tensor.square().sum()));
}

/** The norm of gradients with this sum of squares, and what to multiply them with. */
function clipping(squares: Tensor, maximum: number): { norm: Tensor; scale: Tensor } {
  const norm = squares.sqrt();
  return { norm, scale: tf.scalar(maximum).div(norm.add(1e-6)).minimum(1) };
}
