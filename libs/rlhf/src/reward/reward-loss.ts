import { tf, type Tensor } from '@plumbline/compute';
import type { ModelConfiguration, RewardConfiguration } from '@plumbline/contracts';
import type { Parameters } from '@plumbline/model';
import type { Batch, LossValue } from '@plumbline/training';
import { pairIndices } from './reward-batch.js';
import { rewards } from './reward-model.js';

/**
 * Loss of B comparisons, as `rewardBatch` makes them: the mean by weight, over all pairs of all judgements, of the
 * Bradley-Terry loss in nats (`bradleyTerryLoss`), plus `centring` times the squared sum of the pair's rewards
 * (Eisenstein et al. 2023, "Helping or Herding?", eq. 2; TRL's `center_rewards_coefficient`). Every response goes
 * through the model once, whatever it is compared with (Ouyang et al. 2022, section 3.5: one forward pass a completion instead
 * of one a pair, and no overfitting by meeting a completion K − 1 times an epoch).
 *
 * Metrics, where centring is on: `preferenceLoss` and `centringPenalty`, whose sum by coefficient is the loss.
 */
export function rewardLoss(
  parameters: Parameters,
  model: ModelConfiguration,
  batch: Batch,
  { centring = 0 }: Pick<RewardConfiguration, 'centring'> = {},
): LossValue {
  const tokens = batch['tokens']!; // [B, K, T]
  const weights = batch['weights']!; // [B, J, P]
  const targets = batch['targets']!;
  const [comparisons, responses, length] = tokens.shape as [number, number, number];
  const scores = rewards(
    parameters,
    model,
    tokens.reshape([comparisons * responses, length]),
    batch['lastPositions']!.reshape([comparisons * responses]),
  ).reshape([comparisons, responses]);
  const gaps = acrossPairs(scores, -1);
  const margins = batch['margins'] ?? tf.scalar(0);
  const losses = targets.mul(softplus(margins.sub(gaps))).add(
    targets
      .neg()
      .add(1)
      .mul(softplus(margins.add(gaps))),
  );
  const weight = weights.sum();
  const mean = (values: Tensor): Tensor => values.mul(weights).sum().div(weight);
  const preferenceLoss = mean(losses);
  if (centring === 0) return { loss: preferenceLoss, weight };
  const centringPenalty = mean(acrossPairs(scores, 1).square());
  return {
    loss: preferenceLoss.add(centringPenalty.mul(centring)),
    metrics: { preferenceLoss, centringPenalty },
    weight,
  };
}

/** Scores [B, K] → first + sign · second of each pair, [B, 1, P]. By products and sums: fp32 in every plan. */
function acrossPairs(scores: Tensor, sign: 1 | -1): Tensor {
  const [comparisons, responses] = scores.shape as [number, number];
  const pairs = pairIndices(responses);
  const signs = Array.from({ length: responses }, (_, response) =>
    pairs.map(([first, second]) => (response === first ? 1 : response === second ? sign : 0)),
  );
  return scores
    .reshape([comparisons, responses, 1])
    .mul(tf.tensor2d(signs).reshape([1, responses, pairs.length]))
    .sum(1)
    .reshape([comparisons, 1, pairs.length]);
}

/** log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|), without overflow. */
function softplus(x: Tensor): Tensor {
  return tf.relu(x).add(tf.log1p(tf.exp(tf.abs(x).neg())));
}
