/** The step `optimise`: the policy, trained against the reward model or on preferences, held near the model it came from. */
import { readCheckpoint, writeCheckpoint } from '@plumbline/artifacts';
import {
  checkResumed,
  readModelCheckpoint,
  requiredInput,
  runTrainingLoop,
  type StepFunction,
} from '@plumbline/training';
import { PREVIOUS_CHECKPOINT } from './checkpoint-chain.js';
import { OPTIMISERS } from './optimisers/registry.js';
import { readRewardModel, rewardScorer } from './reward-scorer.js';

/**
 * Output `policy`: the last checkpoint; it holds the policy under the transformer's names and the value function, where
 * the optimiser has one, under `value.`. `optimise.algorithm` chooses the optimiser; each is documented in
 * `optimisers/`.
 */
export const optimise: StepFunction = async (configuration, inputs, context) => {
  const { seed, sample, optimise: settings } = configuration;
  const pretrained = await readModelCheckpoint(context.artifacts, requiredInput(inputs, 'model'));
  const { model } = pretrained;
  const reward = await readRewardModel(context.artifacts, requiredInput(inputs, 'reward'));
  const manifest = {
    seed,
    model,
    sample,
    optimise: settings,
    corpusId: pretrained.checkpoint.references['corpus'],
  };
  const references = { tokenizer: pretrained.tokenizerId, model: pretrained.id, reward: reward.id };
  const start =
    context.resumeFrom === null ? null : await readCheckpoint(context.artifacts, context.resumeFrom);
  let previous = start?.id ?? null;
  if (start) {
    const { [PREVIOUS_CHECKPOINT]: _, ...own } = start.references;
    checkResumed(start.id, 'configuration', start.configuration, manifest);
    checkResumed(start.id, 'references', own, references);
  }
  const scorer = rewardScorer(reward, sample.promptTokens + sample.responseTokens);
  try {
    const optimiser = await OPTIMISERS[settings.algorithm].begin({
      configuration,
      context,
      inputs,
      pretrained,
      reward,
      scorer,
      start,
    });
    try {
      const result = await runTrainingLoop({
        context,
        phase: 'optimising the policy',
        unit: 'iterations',
        from: optimiser.done,
        total: optimiser.total,
        checkpointEvery: settings.checkpointEvery,
        update: (iteration) => optimiser.iterate(iteration),
        checkpoint: async (done) => {
          const id = await writeCheckpoint(context.artifacts, {
            step: 'optimise',
            index: done,
            configuration: manifest,
            ...optimiser.snapshot(),
            state: optimiser.state(),
            references: { ...references, ...(previous !== null && { [PREVIOUS_CHECKPOINT]: previous }) },
          });
          previous = id;
          return { id };
        },
        isWhole: () => optimiser.isWhole(),
      });
      return result.outcome === 'paused'
        ? result
        : { outcome: 'completed', outputs: { policy: result.checkpoint } };
    } finally {
      await optimiser.dispose();
    }
  } finally {
    scorer.dispose();
  }
};
