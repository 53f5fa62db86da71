/** Pieces that the losses of policy optimisers are made of. B batch, R response positions. */
import { tf, type Tensor } from '@plumbline/compute';
import type { KlConfiguration, KlEstimatorName } from '@plumbline/contracts';
import type { Batch } from '@plumbline/training';
import type { InputShapes } from '../optimisers/loss-inputs.js';

/** PPO's clipped objective of one action each, whatever an action is: a token or a whole response. */
export interface ClippedSurrogate {
  /** π/π_old */
  readonly ratio: Tensor;
  readonly losses: Tensor;
  /** 1 where clipping decides the loss. */
  readonly clipped: Tensor;
}

/**
 * max(−A·ratio, −A·clip(ratio, 1 ± clip)) (Schulman et al. 2017, arXiv:1707.06347): the gain from moving away from the
 * old policy ends at the clip range, the loss does not. All of one shape.
 * @param logRatio log π − log π_old
 */
export function clippedSurrogate(logRatio: Tensor, advantages: Tensor, clip: number): ClippedSurrogate {
  const ratio = logRatio.exp();
  const losses = ratio.mul(advantages).neg();
  const clippedLosses = ratio
    .clipByValue(1 - clip, 1 + clip)
    .mul(advantages)
    .neg();
  return {
    ratio,
    losses: tf.maximum(losses, clippedLosses),
    clipped: decides(ratio.sub(1), clip, clippedLosses, losses),
  };
}

/**
 * 1 where a change is beyond its limit and the clipped loss the larger. Where nothing is clipped the two losses are equal
 * but for rounding, which must not count.
 */
export function decides(change: Tensor, limit: number, clipped: Tensor, loss: Tensor): Tensor {
  return tf.logicalAnd(change.abs().greater(limit), clipped.greater(loss)).toFloat();
}

/** Means over the response tokens of a batch, all counting the same. */
export function meanOverTokens(x: Tensor, mask: Tensor): Tensor {
  return x.mul(mask).sum().div(mask.sum());
}

/**
 * Schulman's estimators of KL(π‖π_ref) of each token, differentiable by π; `kl-estimators.ts` has them as numbers.
 * @param logRatio log π − log π_ref
 */
export function klPenalties(logRatio: Tensor, estimator: KlEstimatorName): Tensor {
  switch (estimator) {
    case 'k1':
      return logRatio;
    case 'k2':
      return logRatio.square().mul(0.5);
    case 'k3':
      return logRatio.neg().expm1().add(logRatio);
  }
}

/** What a loss with the KL term in it takes in addition: the reference's log-probabilities, and β. */
export function klInputs(kl: Pick<KlConfiguration, 'placement'>): InputShapes {
  return kl.placement === 'loss' ? { referenceLogProbabilities: 'token', beta: 'scalar' } : {};
}

/**
 * KL estimate of each token, [B, R], where `kl` puts the penalty into the loss; else null.
 * @param batch with `klInputs`
 */
export function klInLoss(
  logProbabilities: Tensor,
  batch: Batch,
  kl: Pick<KlConfiguration, 'placement' | 'estimator'>,
): Tensor | null {
  if (kl.placement !== 'loss') return null;
  const logRatio = logProbabilities.sub(batch['referenceLogProbabilities']!).mul(batch['responseMask']!);
  return klPenalties(logRatio, kl.estimator ?? 'k1');
}

/** The loss with β times the KL loss added, where there is one. */
export function withKl(loss: Tensor, klLoss: Tensor | null, batch: Batch): Tensor {
  return klLoss ? loss.add(klLoss.mul(batch['beta']!)) : loss;
}
