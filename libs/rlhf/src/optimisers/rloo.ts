/** REINFORCE leave-one-out (Ahmadian et al. 2024, arXiv:2402.14740). B batch, R response positions. */
import { tf } from '@plumbline/compute';
import type { KlConfiguration, ModelConfiguration, RlooConfiguration } from '@plumbline/contracts';
import type { Parameters } from '@plumbline/model';
import type { Batch, LossValue } from '@plumbline/training';
import { groupMetrics, leaveOneOutAdvantages } from '../rollout/group-advantages.js';
import { policyOutputs, type ResponseShape } from '../policy/policy.js';
import { clippedSurrogate, klInLoss, klInputs, meanOverTokens, withKl } from '../policy/policy-loss.js';
import { sequenceRewards } from '../rollout/token-rewards.js';
import { whiten } from '../rollout/whitening.js';
import type { OnlineOptimiser } from './online-optimiser.js';

/**
 * A whole response is one action: its reward is the score less β times its KL estimate, its advantage that reward less
 * the mean reward of the other responses to the same prompt. No value function. One update from fresh responses is plain
 * REINFORCE with that baseline; where an iteration makes several, the ratio of the response's probabilities is clipped as
 * PPO's (TRL's choice; the paper makes one).
 */
export const rloo: OnlineOptimiser = {
  responsesPerPrompt: ({ rloo }) => ownSettings(rloo).responsesPerPrompt,
  initialWeights: (pretrained) => pretrained,
  inputs: ({ kl }) => ({ oldLogProbabilities: 'token', advantages: 'sequence', ...klInputs(kl) }),
  experience: (rollout, { kl, rloo }, beta) => {
    const { responsesPerPrompt, normaliseAdvantages = false } = ownSettings(rloo);
    const rewards = sequenceRewards(rollout, beta, kl);
    const advantages = leaveOneOutAdvantages(rewards, responsesPerPrompt);
    return {
      values: {
        advantages: Float32Array.from(
          normaliseAdvantages ? whiten(advantages, { shiftMean: true }) : advantages,
        ),
      },
      metrics: groupMetrics(rewards, responsesPerPrompt),
    };
  },
  loss: (model, settings, shape) => (parameters, batch) =>
    rlooLoss(parameters, model, batch, { ...settings, ...shape }),
};

function ownSettings(settings: RlooConfiguration | undefined): RlooConfiguration {
  return settings ?? { responsesPerPrompt: 4 };
}

export interface RlooLossOptions extends ResponseShape {
  readonly clip: number;
  readonly kl?: Pick<KlConfiguration, 'placement' | 'estimator'>;
}

/**
 * Mean over responses of the clipped surrogate of the response's log-probability, plus β times the mean KL estimate of a
 * response where `kl` puts it into the loss. The batch holds `tokens` int32 [B, T], `responseMask` and
 * `oldLogProbabilities` [B, R], `advantages` [B]; with KL in the loss `referenceLogProbabilities` [B, R] and `beta` [].
 *
 * Metrics as PPO's, of responses instead of tokens (`approximateKl`: nats a response); `entropy` is of tokens.
 */
export function rlooLoss(
  parameters: Parameters,
  model: ModelConfiguration,
  batch: Batch,
  { clip, kl = {}, ...shape }: RlooLossOptions,
): LossValue {
  const mask = batch['responseMask']!;
  const { logProbabilities, entropy } = policyOutputs(parameters, model, batch['tokens']!, shape, 'none');
  const logRatio = logProbabilities.sub(batch['oldLogProbabilities']!).mul(mask).sum(1); // [B]
  const { ratio, losses, clipped } = clippedSurrogate(logRatio, batch['advantages']!, clip);
  const policyLoss = losses.mean();
  const klLoss = klInLoss(logProbabilities, batch, kl)?.sum(1).mean() ?? null;
  return {
    loss: withKl(policyLoss, klLoss, batch),
    metrics: {
      policyLoss,
      ...(klLoss && { klLoss }),
      ratio: ratio.mean(),
      approximateKl: logRatio.square().mean().mul(0.5),
      clipFraction: clipped.mean(),
      entropy: meanOverTokens(entropy, mask),
    },
    outputs: { logProbabilities },
    weight: tf.scalar(mask.shape[0]),
  };
}
