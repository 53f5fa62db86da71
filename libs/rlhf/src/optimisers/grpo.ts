/** Group relative policy optimisation (Shao et al. 2024, arXiv:2402.03300). B batch, R response positions. */
import { tf, type Tensor } from '@plumbline/compute';
import type { GrpoConfiguration, KlConfiguration, ModelConfiguration } from '@plumbline/contracts';
import type { Parameters } from '@plumbline/model';
import type { Batch, LossValue } from '@plumbline/training';
import { groupAdvantages, groupMetrics } from '../rollout/group-advantages.js';
import { policyOutputs, type ResponseShape } from '../policy/policy.js';
import { clippedSurrogate, klInLoss, klInputs, meanOverTokens, withKl } from '../policy/policy-loss.js';
import { sequenceRewards } from '../rollout/token-rewards.js';
import type { OnlineOptimiser } from './online-optimiser.js';

type LossNormalisation = NonNullable<GrpoConfiguration['lossNormalisation']>;

/**
 * PPO's clipped objective on tokens, all of a response with the same advantage: its reward against the others to the same
 * prompt, in units of their standard deviation. No value function. The paper's KL penalty is in the loss, by k3.
 *
 * What that term's gradient pulls towards is not KL(π‖π_ref): the mean gradient of k3 under π is that of KL(π_ref‖π), and
 * k2's is that of KL(π‖π_ref) (Tang and Munos 2025, arXiv:2506.09477), but of each token's distribution by itself: what
 * an earlier token does to the KL of those after it is left out. Only with the penalty in the reward, and nothing divided
 * by deviations or lengths, is the optimum the KL-regularised one that PPO and RLOO look for (known-answer.test.ts; with
 * k2 in the loss it was missed by a total variation of 0.18 there).
 */
export const grpo: OnlineOptimiser = {
  responsesPerPrompt: ({ grpo }) => ownSettings(grpo).responsesPerPrompt,
  initialWeights: (pretrained) => pretrained,
  inputs: ({ kl }) => ({ oldLogProbabilities: 'token', advantages: 'sequence', ...klInputs(kl) }),
  experience: (rollout, { kl, grpo }, beta) => {
    const { responsesPerPrompt, scaleRewards = 'group' } = ownSettings(grpo);
    const rewards = sequenceRewards(rollout, beta, kl);
    return {
      values: {
        advantages: Float32Array.from(groupAdvantages(rewards, responsesPerPrompt, scaleRewards)),
      },
      metrics: groupMetrics(rewards, responsesPerPrompt),
    };
  },
  loss: (model, settings, shape) => {
    const { lossNormalisation = 'sequence' } = ownSettings(settings.grpo);
    return (parameters, batch) =>
      grpoLoss(parameters, model, batch, { ...settings, ...shape, lossNormalisation });
  },
};

function ownSettings(settings: GrpoConfiguration | undefined): GrpoConfiguration {
  return settings ?? { responsesPerPrompt: 8 };
}

export interface GrpoLossOptions extends ResponseShape {
  readonly clip: number;
  readonly lossNormalisation: LossNormalisation;
  readonly kl?: Pick<KlConfiguration, 'placement' | 'estimator'>;
}

/**
 * The clipped surrogate of every token, plus β times its KL estimate where `kl` puts it into the loss, averaged as
 * `lossNormalisation` says:
 *
 * - `sequence`: over a response's tokens, then over responses (the paper);
 * - `token`: over all tokens of the batch (DAPO, arXiv:2503.14476), so that long responses weigh more;
 * - `constant`: summed over a response and divided by R, then over responses (Dr. GRPO, arXiv:2503.20783), so that the
 *   length of a response does not decide how much a token of it weighs.
 *
 * The batch holds `tokens` int32 [B, T], `responseMask` and `oldLogProbabilities` [B, R], `advantages` [B]; with KL in
 * the loss `referenceLogProbabilities` [B, R] and `beta` []. Metrics as PPO's, means over tokens.
 */
export function grpoLoss(
  parameters: Parameters,
  model: ModelConfiguration,
  batch: Batch,
  { clip, lossNormalisation, kl = {}, ...shape }: GrpoLossOptions,
): LossValue {
  const mask = batch['responseMask']!;
  const mean = (x: Tensor): Tensor => meanOverTokens(x, mask);
  const reduce = (x: Tensor): Tensor => REDUCTIONS[lossNormalisation].mean(x.mul(mask), mask);
  const { logProbabilities, entropy } = policyOutputs(parameters, model, batch['tokens']!, shape, 'none');
  const logRatio = logProbabilities.sub(batch['oldLogProbabilities']!).mul(mask);
  const advantages = batch['advantages']!.expandDims(1); // [B, 1]
  const { ratio, losses, clipped } = clippedSurrogate(logRatio, advantages, clip);
  const policyLoss = reduce(losses);
  const penalties = klInLoss(logProbabilities, batch, kl);
  const klLoss = penalties && reduce(penalties);
  return {
    loss: withKl(policyLoss, klLoss, batch),
    metrics: {
      policyLoss,
      ...(klLoss && { klLoss }),
      ratio: mean(ratio),
      approximateKl: mean(logRatio.square()).mul(0.5),
      clipFraction: mean(clipped),
      entropy: mean(entropy),
    },
    outputs: { logProbabilities },
    weight: REDUCTIONS[lossNormalisation].weight(mask),
  };
}

/** Means of masked [B, R], and what micro-batches must be weighted by so that theirs make the batch's. */
const REDUCTIONS: Readonly<
  Record<LossNormalisation, { mean(masked: Tensor, mask: Tensor): Tensor; weight(mask: Tensor): Tensor }>
> = {
  sequence: {
    mean: (masked, mask) => masked.sum(1).div(mask.sum(1).maximum(1)).mean(),
    weight: (mask) => rows(mask),
  },
  token: {
    mean: (masked, mask) => masked.sum().div(mask.sum()),
    weight: (mask) => mask.sum(),
  },
  constant: {
    mean: (masked) => masked.sum(1).mean().div(tf.scalar(masked.shape[1]!)),
    weight: (mask) => rows(mask),
  },
};

function rows(mask: Tensor): Tensor {
  return tf.scalar(mask.shape[0]);
}
