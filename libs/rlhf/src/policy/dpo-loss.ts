/** Losses that learn a policy from pairs directly. B pairs, T positions, R those after the shortest prompt. */
import { tf, type Tensor } from '@plumbline/compute';
import type { DpoConfiguration, ModelConfiguration } from '@plumbline/contracts';
import type { Parameters } from '@plumbline/model';
import type { Batch, LossValue } from '@plumbline/training';
import { responseLogProbabilities, type ResponseShape } from './policy.js';

export interface DpoLossOptions extends ResponseShape, DpoConfiguration {}

/**
 * With h = log π(y₁)/π_ref(y₁) − log π(y₂)/π_ref(y₂), summed over response tokens, and p the probability that y₁ is
 * preferred (1, 0, ½ for a tie; moved towards ½ by `labelSmoothing`):
 *
 * - `sigmoid`: −p·log σ(βh) − (1−p)·log σ(−βh) (Rafailov et al. 2023, arXiv:2305.18290; smoothing as conservative DPO,
 *   Mitchell 2023). A tie pulls h to 0.
 * - `ipo`: (h − (2p−1)/2β)² (Azar et al. 2023, arXiv:2310.12036), which no amount of agreement drives to infinity. On
 *   sums, as the paper has it; TRL averages over tokens.
 *
 * The batch holds `tokens` int32 [2B, T] (first responses, then second ones), `responseMask` [2B, R], `reference` [2B]
 * (log π_ref of each response, nats), `targets` [B] and `weights` [B], which the mean is taken by.
 *
 * Metrics under TRL's names, ties counting as half chosen, half rejected: `rewards/…` are β·log π/π_ref; accuracies leave
 * ties out.
 */
export function dpoLoss(
  parameters: Parameters,
  model: ModelConfiguration,
  batch: Batch,
  { beta, loss: kind, labelSmoothing = 0, ...shape }: DpoLossOptions,
): LossValue {
  const targets = batch['targets']!;
  const weights = batch['weights']!;
  const pairs = targets.shape[0];
  const mean = (x: Tensor): Tensor => x.mul(weights).sum().div(weights.sum());
  const logProbabilities = responseLogProbabilities(parameters, model, batch['tokens']!, shape)
    .mul(batch['responseMask']!)
    .sum(1); // [2B]
  const rewards = logProbabilities.sub(batch['reference']!).mul(beta);
  const first = rewards.slice([0], [pairs]);
  const second = rewards.slice([pairs], [pairs]);
  const gap = first.sub(second); // βh
  const smoothed = targets.mul(1 - 2 * labelSmoothing).add(labelSmoothing);
  const losses =
    kind === 'sigmoid'
      ? smoothed.mul(softplus(gap.neg())).add(smoothed.neg().add(1).mul(softplus(gap)))
      : gap
          .div(beta)
          .sub(
            smoothed
              .mul(2)
              .sub(1)
              .div(2 * beta),
          )
          .square();

  const other = targets.neg().add(1);
  const chosen = (of: Tensor): Tensor =>
    targets.mul(of.slice([0], [pairs])).add(other.mul(of.slice([pairs], [pairs])));
  const rejected = (of: Tensor): Tensor =>
    other.mul(of.slice([0], [pairs])).add(targets.mul(of.slice([pairs], [pairs])));
  const side = targets.mul(2).sub(1); // 1, −1, 0 for a tie
  const decided = side.abs();
  const agreement = side.mul(gap.sign()).add(1).mul(0.5).mul(decided);
  return {
    loss: mean(losses),
    metrics: {
      'rewards/chosen': mean(chosen(rewards)),
      'rewards/rejected': mean(rejected(rewards)),
      'rewards/margins': mean(gap.mul(side)),
      'rewards/accuracies': agreement.mul(weights).sum().div(decided.mul(weights).sum().maximum(1e-9)),
      'logps/chosen': mean(chosen(logProbabilities)),
      'logps/rejected': mean(rejected(logProbabilities)),
    },
    weight: weights.sum(),
  };
}

/** log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|), without overflow. */
function softplus(x: Tensor): Tensor {
  return tf.relu(x).add(tf.log1p(tf.exp(tf.abs(x).neg())));
}
