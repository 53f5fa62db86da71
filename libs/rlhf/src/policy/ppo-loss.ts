/** PPO's clipped losses (Schulman et al. 2017, arXiv:1707.06347). B batch, R response positions. */
import { tf, type Tensor } from '@plumbline/compute';
import type { KlConfiguration, ModelConfiguration } from '@plumbline/contracts';
import type { Parameters } from '@plumbline/model';
import type { Batch, LossValue } from '@plumbline/training';
import type { ValueNetwork } from './actor-critic.js';
import { policyOutputs, type ResponseShape } from './policy.js';
import { clippedSurrogate, decides, klInLoss, meanOverTokens, withKl } from './policy-loss.js';

export interface PpoLossOptions extends ResponseShape {
  readonly clip: number;
  readonly valueClip: number;
  readonly valueCoefficient: number;
  /** Absent: separate. */
  readonly network?: ValueNetwork;
  /** Absent: the KL penalty is in the reward. */
  readonly kl?: Pick<KlConfiguration, 'placement' | 'estimator'>;
}

/**
 * Policy loss plus `valueCoefficient` times value loss, each a mean over response tokens, plus β times the mean KL
 * estimate where `kl` puts it into the loss. The batch holds `tokens` int32 [B, T] and, each [B, R]:
 * `oldLogProbabilities`, `oldValues`, `advantages`, `returns`, `responseMask` (1 = a token of the response); with KL in
 * the loss also `referenceLogProbabilities` [B, R] and `beta` [].
 *
 * The value is clipped around the old one, and the larger of both squared errors counts (OpenAI baselines, kept by
 * lm-human-preferences and TRL): half its mean.
 *
 * Outputs, each [B, R]: `logProbabilities` and `values` of the parameters as they are.
 *
 * Metrics: `policyLoss`, `valueLoss`, `klLoss` (before β); `ratio`, the mean probability ratio; `approximateKl`, k2 of
 * new to old policy; `clipFraction`, the share of tokens for which clipping decides; `valueClipFraction` likewise;
 * `entropy`, nats a token.
 */
export function ppoLoss(
  parameters: Parameters,
  model: ModelConfiguration,
  batch: Batch,
  options: PpoLossOptions,
): LossValue {
  const { clip, valueClip, valueCoefficient, network = 'separate', kl = {} } = options;
  const mask = batch['responseMask']!;
  const mean = (x: Tensor): Tensor => meanOverTokens(x, mask);

  const outputs = policyOutputs(parameters, model, batch['tokens']!, options, network);
  const { logProbabilities, values, entropy } = outputs;
  const logRatio = logProbabilities.sub(batch['oldLogProbabilities']!).mul(mask);
  const { ratio, losses, clipped } = clippedSurrogate(logRatio, batch['advantages']!, clip);
  const policyLoss = mean(losses);

  const oldValues = batch['oldValues']!;
  const nearValues = oldValues.add(values.sub(oldValues).clipByValue(-valueClip, valueClip));
  const errors = values.sub(batch['returns']!).square();
  const nearErrors = nearValues.sub(batch['returns']!).square();
  const valueLoss = mean(tf.maximum(errors, nearErrors)).mul(0.5);

  const penalties = klInLoss(logProbabilities, batch, kl);
  const klLoss = penalties && mean(penalties);
  return {
    loss: withKl(policyLoss.add(valueLoss.mul(valueCoefficient)), klLoss, batch),
    metrics: {
      policyLoss,
      valueLoss,
      ...(klLoss && { klLoss }),
      ratio: mean(ratio),
      approximateKl: mean(logRatio.square()).mul(0.5),
      clipFraction: mean(clipped),
      valueClipFraction: mean(decides(values.sub(oldValues), valueClip, nearErrors, errors)),
      entropy: mean(entropy),
    },
    outputs: { logProbabilities, values },
    weight: mask.sum(),
  };
}
