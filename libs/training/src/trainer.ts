/**
 * Gradient, clipping and AdamW as one update. The trainer owns parameters and moments on the device; everything that
 * varies from update to update enters as a tensor.
 */
import type { TensorMap } from '@plumbline/artifacts';
import { tf, type Tensor } from '@plumbline/compute';
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

/** Scalars: the loss to minimise, and what else to report of the batch. */
export interface LossValue {
  readonly loss: Tensor;
  readonly metrics?: Readonly<Record<string, Tensor>>;
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
    const schedule = mapValues({ ...adamWSchedule(update, learningRate, this.adamW) }, (value) =>
      tf.scalar(value),
    );
    const result = this.compute(batch, schedule as unknown as AdamWSchedule<Tensor>);
    const metrics = mapValues(result.metrics, (metric) => metric.dataSync()[0]!);
    tf.dispose([Object.values(schedule), Object.values(result.metrics)]);
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

  /** Parameters and moments in host memory. */
  snapshot(): { weights: TensorMap; optimizer: TensorMap } {
    return { weights: toTensorMap(this.parametersNow), optimizer: toTensorMap(this.moments) };
  }

  dispose(): void {
    disposeParameters({ ...this.parametersNow, ...this.moments });
  }

  private compute(batch: Batch, schedule: AdamWSchedule<Tensor>): UpdateResult {
    const { loss, maximumGradientNorm } = this.options;
    return tf.tidy(() => {
      const { metrics, gradients } = lossAndGradients(loss, this.parametersNow, batch);
      const clipped = clipByGlobalNorm(gradients, maximumGradientNorm);
      const next = adamW(this.parametersNow, this.moments, clipped.gradients, schedule, this.adamW);
      return { ...next, metrics: { ...metrics, gradientNorm: clipped.norm } };
    });
  }
}

type UpdateResult = {
  parameters: Parameters;
  moments: Parameters;
  metrics: Record<string, Tensor>;
};

/** Gradients of the loss by parameter; a parameter that the loss does not use gets zeros. */
function lossAndGradients(
  loss: LossFunction,
  parameters: Parameters,
  batch: Batch,
): { metrics: Record<string, Tensor>; gradients: Parameters } {
  const names = Object.keys(parameters);
  const metrics: Record<string, Tensor> = {};
  const { value, grads } = tf.valueAndGrads((...values: Tensor[]) => {
    const result = loss(Object.fromEntries(names.map((name, i) => [name, values[i]!])), batch);
    // Kept, because the tape disposes of everything in here but the loss.
    for (const [name, metric] of Object.entries(result.metrics ?? {}))
      metrics[name] = tf.keep(metric.clone());
    return result.loss.asScalar();
  })(names.map((name) => parameters[name]!));
  return {
    metrics: { loss: value, ...metrics },
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
