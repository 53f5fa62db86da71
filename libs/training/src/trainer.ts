/**
 * Gradient, clipping and AdamW as one update. The trainer owns parameters and moments on the device; everything that
 * varies from update to update enters as a tensor.
 */
import type { TensorMap } from '@plumbline/artifacts';
import { compile, tf, type Compiled, type Tensor } from '@plumbline/compute';
import { disposeParameters, fromTensorMap, mapValues, toTensorMap, type Parameters } from '@plumbline/model';
import {
  adamW,
  ADAMW_DEFAULTS,
  adamWSchedule,
  zeroMoments,
  type AdamWOptions,
  type AdamWSchedule,
} from './adamw.js';

/** Named inputs of the loss, the same names and shapes at every update. */
export type Batch = Readonly<Record<string, Tensor>>;

/** The loss to minimise and what else to report of the batch; loss and metrics are scalars. */
export interface LossValue {
  readonly loss: Tensor;
  readonly metrics?: Readonly<Record<string, Tensor>>;
  /** Tensors of any shape that `evaluate` returns, such as log-probabilities. */
  readonly outputs?: Readonly<Record<string, Tensor>>;
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
   * Whether updates run as one compiled program or op by op (default). Compiling takes seconds for each new shape of
   * batch; the two differ in rounding, so a step must not change between them.
   */
  readonly compiled?: boolean;
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
  private program: ReturnType<Trainer['build']> | undefined;
  /** Of the last outputs of the program; known once it has been traced. */
  private metricNames: readonly string[] = [];
  private outputNames: readonly string[] = [];

  constructor(private readonly options: TrainerOptions) {
    this.adamW = { ...ADAMW_DEFAULTS, ...options.adamW };
    this.parametersNow = fromTensorMap(options.weights);
    this.moments = options.optimizer ? fromTensorMap(options.optimizer) : zeroMoments(this.parametersNow);
    this.updatesDone = options.updates ?? 0;
  }

  /** The current parameters; replaced and disposed of by `update`. */
  get parameters(): Parameters {
    return this.parametersNow;
  }

  get updates(): number {
    return this.updatesDone;
  }

  /**
   * One update. The batch stays the caller's.
   *
   * @throws NonFiniteUpdateError before anything changed.
   */
  update(batch: Batch, learningRate: number): UpdateMetrics {
    const update = this.updatesDone + 1;
    const result = this.compute(batch, adamWSchedule(update, learningRate, this.adamW));
    const { metrics } = readAndDispose(result);
    if (!Number.isFinite(metrics['loss']) || !Number.isFinite(metrics['gradientNorm'])) {
      disposeParameters({ ...result.parameters, ...result.moments });
      throw new NonFiniteUpdateError(
        `update ${update}: loss ${metrics['loss']}, gradient norm ${metrics['gradientNorm']}; nothing was changed`,
      );
    }
    disposeParameters({ ...this.parametersNow, ...this.moments });
    this.parametersNow = result.parameters;
    this.moments = result.moments;
    this.updatesDone = update;
    return metrics;
  }

  /**
   * Metrics and outputs of a batch at the current parameters, which stay as they are. They come from the very program
   * that updates: what the next update computes of the same batch is equal to the last bit. Costs as much as an update.
   */
  evaluate(batch: Batch): { metrics: UpdateMetrics; outputs: Readonly<Record<string, Float32Array>> } {
    const result = this.compute(batch, adamWSchedule(this.updatesDone + 1, 0, this.adamW));
    disposeParameters({ ...result.parameters, ...result.moments });
    return readAndDispose(result);
  }

  /** Parameters and moments in host memory. */
  snapshot(): { weights: TensorMap; optimizer: TensorMap } {
    return { weights: toTensorMap(this.parametersNow), optimizer: toTensorMap(this.moments) };
  }

  dispose(): void {
    disposeParameters({ ...this.parametersNow, ...this.moments });
    if (this.program && 'dispose' in this.program) this.program.dispose();
  }

  private compute(batch: Batch, schedule: AdamWSchedule<number>): UpdateResult {
    const names = Object.keys(batch).sort();
    const rates = SCHEDULE.map((name) => tf.scalar(schedule[name]));
    const inputs = [
      ...rates,
      ...names.map((name) => batch[name]!),
      ...Object.values(this.parametersNow),
      ...Object.values(this.moments),
    ];
    const program = (this.program ??= this.build(names));
    const outputs = program(...inputs);
    tf.dispose(rates);
    const take = (keys: readonly string[]): Record<string, Tensor> =>
      Object.fromEntries(keys.map((name) => [name, outputs.shift()!]));
    return {
      parameters: take(Object.keys(this.parametersNow)),
      moments: take(Object.keys(this.moments)),
      metrics: take(this.metricNames),
      outputs: take(this.outputNames),
    };
  }

  /** The update as a function from a list of tensors to a list of tensors, compiled if so asked. */
  private build(batchNames: readonly string[]): Compiled | ((...inputs: Tensor[]) => Tensor[]) {
    const parameterNames = Object.keys(this.parametersNow);
    const momentNames = Object.keys(this.moments);
    const update = (...inputs: Tensor[]): Tensor[] => {
      const take = (names: readonly string[]): Record<string, Tensor> =>
        Object.fromEntries(names.map((name) => [name, inputs.shift()!]));
      const schedule = take(SCHEDULE) as unknown as AdamWSchedule<Tensor>;
      const batch = take(batchNames);
      const parameters = take(parameterNames);
      const moments = take(momentNames);
      const { metrics, outputs, gradients } = lossAndGradients(this.options.loss, parameters, batch);
      const clipped = clipByGlobalNorm(gradients, this.options.maximumGradientNorm);
      const next = adamW(parameters, moments, clipped.gradients, schedule, this.adamW);
      const reported = { ...metrics, gradientNorm: clipped.norm };
      this.metricNames = Object.keys(reported);
      this.outputNames = Object.keys(outputs);
      return [
        ...parameterNames.map((name) => next.parameters[name]!),
        ...momentNames.map((name) => next.moments[name]!),
        ...Object.values(reported),
        ...Object.values(outputs),
      ];
    };
    return this.options.compiled
      ? compile(update, { name: 'the training update' })
      : (...inputs) => tf.tidy(() => update(...inputs));
  }
}

const SCHEDULE = ['learningRate', 'stepSize', 'rootScale'] as const;

interface UpdateResult {
  readonly parameters: Parameters;
  readonly moments: Parameters;
  readonly metrics: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
}

function readAndDispose({ metrics, outputs }: UpdateResult): {
  metrics: UpdateMetrics;
  outputs: Record<string, Float32Array>;
} {
  const values = {
    metrics: mapValues(metrics, (metric) => metric.dataSync()[0]!),
    outputs: mapValues(outputs, (output) => Float32Array.from(output.dataSync())),
  };
  disposeParameters(metrics);
  disposeParameters(outputs);
  return values;
}

/** Gradients of the loss by parameter; a parameter that the loss does not use gets zeros. */
function lossAndGradients(
  loss: LossFunction,
  parameters: Parameters,
  batch: Batch,
): { metrics: Record<string, Tensor>; outputs: Record<string, Tensor>; gradients: Parameters } {
  const names = Object.keys(parameters);
  // Kept, because the tape disposes of everything in the loss function but the loss.
  const keep = (tensor: Tensor): Tensor => tf.keep(tensor.clone());
  let metrics: Record<string, Tensor> = {};
  let outputs: Record<string, Tensor> = {};
  const { value, grads } = tf.valueAndGrads((...values: Tensor[]) => {
    const result = loss(Object.fromEntries(names.map((name, i) => [name, values[i]!])), batch);
    metrics = mapValues(result.metrics ?? {}, keep);
    outputs = mapValues(result.outputs ?? {}, keep);
    return result.loss.asScalar();
  })(names.map((name) => parameters[name]!));
  return {
    metrics: { loss: value, ...metrics },
    outputs,
    gradients: Object.fromEntries(names.map((name, i) => [name, grads[i]!])),
  };
}

/** Scales all gradients by one factor so that their joint Euclidean norm is at most `maximum`. */
export function clipByGlobalNorm(
  gradients: Parameters,
  maximum: number,
): { gradients: Parameters; norm: Tensor } {
  const squares = Object.values(gradients).map((gradient) => gradient.square().sum());
  const norm = tf.addN(squares).sqrt();
  const scale = tf.scalar(maximum).div(norm.add(1e-6)).minimum(1);
  return { gradients: mapValues(gradients, (gradient) => gradient.mul(scale)), norm };
}
