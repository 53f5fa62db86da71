import { tf, type Tensor } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import type { Parameters } from '@plumbline/model';
import type { Batch, LossValue } from '@plumbline/training';
import { rewards } from './reward-model.js';

/**
 * Bradley-Terry loss of B pairs, in nats, as `bradleyTerryLoss` has it. The batch holds `tokens` int32 [2B, T] (first
 * responses, then second ones), `lastPositions` int32 [2B], `targets` [B] (P(first preferred): 1, 0, or ½ for a tie)
 * and `weights` [B], which the mean is taken by.
 */
export function rewardLoss(parameters: Parameters, model: ModelConfiguration, batch: Batch): LossValue {
  const targets = batch['targets']!;
  const weights = batch['weights']!;
  const pairs = targets.shape[0];
  const scores = rewards(parameters, model, batch['tokens']!, batch['lastPositions']!);
  const gap = scores.slice([0], [pairs]).sub(scores.slice([pairs], [pairs]));
  const losses = targets.mul(softplus(gap.neg())).add(targets.neg().add(1).mul(softplus(gap)));
  return { loss: losses.mul(weights).sum().div(weights.sum()) };
}

/** log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|), without overflow. */
function softplus(x: Tensor): Tensor {
  return tf.relu(x).add(tf.log1p(tf.exp(tf.abs(x).neg())));
}
