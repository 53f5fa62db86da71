import { initialActorCritic } from '../policy/actor-critic.js';
import { generalisedAdvantages } from '../rollout/advantages.js';
import { klInputs } from '../policy/policy-loss.js';
import { ppoLoss } from '../policy/ppo-loss.js';
import { tokenRewards } from '../rollout/token-rewards.js';
import { whiten } from '../rollout/whitening.js';
import type { OnlineOptimiser } from './online-optimiser.js';

/**
 * PPO as Ziegler et al. (2019, arXiv:1909.08593) and Stiennon et al. (2020, arXiv:2009.01325) ran it, read beside "The N
 * implementation details of RLHF with PPO" (Huang et al. 2024): a KL penalty on every token and the score on the last;
 * optionally whitened rewards; GAE without bootstrap after the last token; whitened advantages; clipped policy and value
 * losses; a value function of its own network or on the policy's.
 */
export const ppo: OnlineOptimiser = {
  responsesPerPrompt: () => 1,
  initialWeights: (pretrained, reward, { value }) => initialActorCritic(pretrained, reward, value),
  inputs: ({ kl }) => ({
    oldLogProbabilities: 'token',
    oldValues: 'token',
    advantages: 'token',
    returns: 'token',
    ...klInputs(kl),
  }),
  experience: (rollout, settings, beta) => {
    const { size, responseTokens, responseMask } = rollout;
    const oldValues = rollout.oldValues!;
    const mask = Array.from(responseMask, (value) => value === 1);
    let rewards: ArrayLike<number> = tokenRewards(rollout, beta, settings.kl);
    if (settings.whitenRewards) rewards = whiten(rewards, { shiftMean: false, mask });

    // Sequence by sequence.
    const advantages = new Float64Array(size * responseTokens);
    for (let row = 0; row < size; row++) {
      const span = [row * responseTokens, (row + 1) * responseTokens] as const;
      advantages.set(
        generalisedAdvantages(Array.prototype.slice.call(rewards, ...span), oldValues.subarray(...span), {
          ...settings,
          responseMask: mask.slice(...span),
        }),
        span[0],
      );
    }
    const returns = Float32Array.from(
      advantages,
      (advantage, i) => (advantage + oldValues[i]!) * responseMask[i]!,
    );
    return {
      values: {
        advantages: Float32Array.from(
          settings.whitenAdvantages ? whiten(advantages, { shiftMean: true, mask }) : advantages,
        ),
        returns,
      },
      metrics: {},
    };
  },
  loss: (model, settings, shape) => (parameters, batch) =>
    ppoLoss(parameters, model, batch, { ...settings, ...shape, network: settings.value.network }),
};
