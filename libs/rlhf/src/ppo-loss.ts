/** PPO's clipped objective (Schulman et al. 2017, arXiv:1707.06347). B batch, R response positions. */
import { tf, type Tensor } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import type { Parameters } from '@plumbline/model';
import type { Batch, LossValue } from '@plumbline/training';
import { policyParameters, valueParameters } from './actor-critic.js';
import { responseLogProbabilities, responseValues, type ResponseShape } from './policy.js';

export interface PpoLossOptions extends ResponseShape {
  readonly clip: number;
  readonly valueClip: number;
  readonly valueCoefficient: number;
}

/**
 * Policy loss plus `valueCoefficient` times value loss, each a mean over response tokens. The batch holds `tokens`
 * int32 [B, T] and, each [B, R]: `oldLogProbabilities`, `oldValues`, `advantages`, `returns`, `responseMask` (1 = a
 * token of the response).
 *
 * Outputs, each [B, R]: `logProbabilities` and `values` of the parameters as they are.
 *
 * Metrics: `policyLoss`, `valueLoss`; `ratio`, the mean probability ratio; `approximateKl`, k2 of new to old policy;
 * `clipFraction`, the share of tokens for which clipping decides; `valueClipFraction` likewise.
 */
export function ppoLoss(
  parameters: Parameters,
  model: ModelConfiguration,
  batch: Batch,
  options: PpoLossOptions,
): LossValue {
  const { clip, valueClip, valueCoefficient } = options;
  const tokens = batch['tokens']!;
  const mask = batch['responseMask']!;
  const meanOverTokens = (x: Tensor): Tensor => x.mul(mask).sum().div(mask.sum());

  const logProbabilities = responseLogProbabilities(policyParameters(parameters), model, tokens, options);
  const logRatio = logProbabilities.sub(batch['oldLogProbabilities']!).mul(mask);
  const ratio = logRatio.exp();
  const losses = ratio.mul(batch['advantages']!).neg();
  const clippedLosses = ratio
    .clipByValue(1 - clip, 1 + clip)
    .mul(batch['advantages']!)
    .neg();
  const policyLoss = meanOverTokens(tf.maximum(losses, clippedLosses));

  const values = responseValues(valueParameters(parameters), model, tokens, options);
  const oldValues = batch['oldValues']!;
  const nearValues = oldValues.add(values.sub(oldValues).clipByValue(-valueClip, valueClip));
  const errors = values.sub(batch['returns']!).square();
  const nearErrors = nearValues.sub(batch['returns']!).square();
  const valueLoss = meanOverTokens(tf.maximum(errors, nearErrors)).mul(0.5);

  // Where nothing is clipped the two losses are equal but for rounding, which must not count.
  const decides = (change: Tensor, limit: number, clipped: Tensor, loss: Tensor): Tensor =>
    tf.logicalAnd(change.abs().greater(limit), clipped.greater(loss)).toFloat();
  return {
    loss: policyLoss.add(valueLoss.mul(valueCoefficient)),
    metrics: {
      policyLoss,
      valueLoss,
      ratio: meanOverTokens(ratio),
      approximateKl: meanOverTokens(logRatio.square()).mul(0.5),
      clipFraction: meanOverTokens(decides(ratio.sub(1), clip, clippedLosses, losses)),
      valueClipFraction: meanOverTokens(decides(values.sub(oldValues), valueClip, nearErrors, errors)),
    },
    outputs: { logProbabilities, values },
  };
}
