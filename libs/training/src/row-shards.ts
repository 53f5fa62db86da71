/** An update's loss and gradients from parts of its rows, which TensorFlow computes side by side inside one program. */
import { callEach, tf, type Tensor } from '@plumbline/compute';
import { mapValues, type Parameters } from '@plumbline/model';
import { eachLayer } from './layers.js';
import { lossAndGradients, type LossAndGradients } from './loss-gradients.js';
import type { Batch, LossFunction } from './trainer.js';

/**
 * Tokens in a part of the rows, at least. Fewer make matrix products slow; more only keep more activations in memory,
 * which are those of the parts at work.
 */
const PART_TOKENS = 512;

/**
 * As `lossAndGradients`, from equal parts of the rows: means weighted by the parts' `weight`, outputs one below the
 * other. `shards` parts are at work at once; there are as many or, in large batches, a multiple. Where the rows do not
 * divide into that many, or not all of the batch are rows (dropout's seed is none), there is one part.
 */
export function shardedLossAndGradients(
  loss: LossFunction,
  parameters: Parameters,
  batch: Batch,
  shards: number,
): LossAndGradients {
  const count = partsOf(batch, shards);
  if (count === 1) return lossAndGradients(loss, parameters, batch);
  const results = partResults(loss, parameters, batch, count, shards);
  const weights = results.map(({ weight }) => weight);
  const total = weights[0] ? tf.addN(weights as Tensor[]) : undefined;
  const shares: Parameters = total
    ? {
        total,
        ...named(
          weights.map((_, part) => `${part}`),
          weights as Tensor[],
        ),
      }
    : {};
  const result = {
    metrics: meanOf(
      results.map(({ metrics }) => metrics),
      shares,
    ),
    outputs: mapValues(results[0]!.outputs, (_, name) =>
      tf.concat(
        results.map(({ outputs }) => outputs[name]!),
        0,
      ),
    ),
    gradients: eachLayer(
      results.map(({ gradients }) => gradients),
      shares,
      (parts, shares) => [meanOf(parts, shares)],
    )[0]!,
    weight: total,
  };
  for (const { metrics, outputs, gradients } of results)
    tf.dispose([metrics, outputs, gradients] as Record<string, Tensor>[]);
  if (total) tf.dispose(weights);
  return result;
}

/** Loss and gradients of each part: one function of the program, called for each. */
function partResults(
  loss: LossFunction,
  parameters: Parameters,
  batch: Batch,
  count: number,
  atOnce: number,
): LossAndGradients[] {
  const inputNames = Object.keys(batch);
  const parameterNames = Object.keys(parameters);
  const split = inputNames.map((name) => tf.split(batch[name]!, count, 0));
  let take = (_: Tensor[]): LossAndGradients => ({
    metrics: {},
    outputs: {},
    gradients: {},
    weight: undefined,
  });
  const calls = callEach(
    (...inputs) => {
      const result = lossAndGradients(
        loss,
        named(parameterNames, inputs),
        named(inputNames, inputs.slice(parameterNames.length)),
      );
      const { metrics, outputs, gradients, weight } = result;
      const [metricNames, outputNames] = [Object.keys(metrics), Object.keys(outputs)];
      take = (values) => {
        const rest = values.slice();
        const next = (names: readonly string[]) => named(names, rest.splice(0, names.length));
        return {
          gradients: next(parameterNames),
          metrics: next(metricNames),
          outputs: next(outputNames),
          weight: rest[0],
        };
      };
      return [
        ...parameterNames.map((name) => gradients[name]!),
        ...[metrics, outputs].flatMap((tensors) => Object.values(tensors)),
        ...(weight ? [weight] : []),
      ];
    },
    Array.from({ length: count }, (_, part) => [
      ...Object.values(parameters),
      ...split.map((parts) => parts[part]!),
    ]),
    atOnce,
  );
  tf.dispose(split.flat());
  return calls.map((values) => take(values));
}

function named(names: readonly string[], values: readonly Tensor[]): Record<string, Tensor> {
  return Object.fromEntries(names.map((name, index) => [name, values[index]!]));
}

/** @param shares the parts' weights by number, and their `total`; empty: all parts count the same */
function meanOf(parts: readonly Parameters[], shares: Parameters): Parameters {
  const { total } = shares;
  return mapValues(parts[0]!, (_, name) => {
    const values = parts.map((part) => part[name]!);
    return total
      ? tf.addN(values.map((value, part) => value.mul(shares[part]!))).div(total)
      : tf.addN(values).mul(1 / parts.length);
  });
}

/** The most parts of at least `PART_TOKENS`, a multiple of `shards`; 1 where the rows do not divide into `shards`. */
function partsOf(batch: Batch, shards: number): number {
  const tensors = Object.values(batch);
  const rows = tensors[0]!.shape[0];
  if (shards === 1 || rows === undefined || tensors.some(({ shape }) => shape[0] !== rows)) return 1;
  const tokens = Math.max(...tensors.map(({ size }) => size));
  let parts = rows % shards === 0 ? shards : 1;
  for (let more = 2 * shards; more <= rows && tokens / more >= PART_TOKENS; more += shards) {
    if (rows % more === 0 && parts > 1) parts = more;
  }
  return parts;
}
