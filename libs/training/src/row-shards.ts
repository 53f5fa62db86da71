/** An update's loss and gradients from parts of its rows, which TensorFlow computes side by side inside one program. */
import { tf, type Tensor } from '@plumbline/compute';
import { mapValues, type Parameters } from '@plumbline/model';
import { lossAndGradients, type LossAndGradients } from './loss-gradients.js';
import type { Batch, LossFunction } from './trainer.js';

/**
 * As `lossAndGradients`, from `shards` equal parts of the rows: means weighted by the parts' `weight`, outputs one below
 * the other. Where the rows do not divide into that many parts, or not all of the batch are rows (dropout's seed is
 * none), there is one part.
 */
export function shardedLossAndGradients(
  loss: LossFunction,
  parameters: Parameters,
  batch: Batch,
  shards: number,
): LossAndGradients {
  if (shards === 1 || !divides(batch, shards)) return lossAndGradients(loss, parameters, batch);
  const names = Object.keys(batch);
  const split = names.map((name) => tf.split(batch[name]!, shards, 0));
  const parts = Array.from({ length: shards }, (_, shard) =>
    lossAndGradients(loss, parameters, Object.fromEntries(names.map((name, i) => [name, split[i]![shard]!]))),
  );
  const weights = parts.map(({ weight }) => weight);
  const total = weights[0] ? tf.addN(weights as Tensor[]) : undefined;
  const mean = (values: readonly Tensor[]): Tensor =>
    total
      ? tf.addN(values.map((value, shard) => value.mul(weights[shard]!))).div(total)
      : tf.addN([...values]).mul(1 / shards);
  const result = {
    metrics: mapValues(parts[0]!.metrics, (_, name) => mean(parts.map(({ metrics }) => metrics[name]!))),
    outputs: mapValues(parts[0]!.outputs, (_, name) =>
      tf.concat(
        parts.map(({ outputs }) => outputs[name]!),
        0,
      ),
    ),
    gradients: mapValues(parts[0]!.gradients, (_, name) =>
      mean(parts.map(({ gradients }) => gradients[name]!)),
    ),
    weight: total,
  };
  for (const { metrics, outputs, gradients } of parts)
    tf.dispose([metrics, outputs, gradients] as Record<string, Tensor>[]);
  if (total) tf.dispose(weights);
  return result;
}

function divides(batch: Batch, shards: number): boolean {
  const rows = Object.values(batch).map(({ shape }) => shape[0]);
  return rows.every((count) => count !== undefined && count === rows[0] && count % shards === 0);
}
