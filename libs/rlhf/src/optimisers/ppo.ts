import { initialActorCritic } from '../actor-critic.js';
import { generalisedAdvantages } from '../advantages.js';
import { ppoLoss } from '../ppo-loss.js';
import { penalisedRewards } from '../token-rewards.js';
import { whiten } from '../whitening.js';
import type { OnlineOptimiser } from './online-optimiser.js';

/**
 * PPO as Ziegler et al. (2019) and Stiennon et al. (2020) ran it, read beside "The N implementation details of RLHF
 * with PPO": a KL penalty on every token and the score on the last; a value network of its own, started from the
 * reward model; GAE; whitened advantages; clipped policy and value losses; β adapted to the measured KL (k1, nats per
 * sequence).
 */
export const ppo: OnlineOptimiser = {
  responsesPerPrompt: () => 1,
  initialWeights: (pretrained, reward) => initialActorCritic(pretrained, reward),
  inputs: () => ({ oldLogProbabilities: 'token', oldValues: 'token', advantages: 'token', returns: 'token' }),
  experience: (rollout, settings, beta) => {
    const { size, responseTokens, responseMask, oldLogProbabilities } = rollout;
    const oldValues = rollout.oldValues!;
    const mask = Array.from(responseMask, (value) => value === 1);
    let rewards: ArrayLike<number> = penalisedRewards(rollout, beta);
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
        oldLogProbabilities,
        oldValues,
        advantages: Float32Array.from(whiten(advantages, { shiftMean: true, mask })),
        returns,
      },
      metrics: {},
    };
  },
  loss: (model, settings, shape) => (parameters, batch) =>
    ppoLoss(parameters, model, batch, { ...settings, ...shape }),
};
