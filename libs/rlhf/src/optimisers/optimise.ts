/** The step `optimise`: the policy, trained against the reward model or on preferences, held near the model it came from. */
import { readCheckpoint, writeCheckpoint } from '@plumbline/artifacts';
import { ALGORITHM_INPUTS } from '@plumbline/contracts';
import type { Tokenizer } from '@plumbline/model';
import {
  checkResumed,
  readModelCheckpoint,
  requiredInput,
  runTrainingLoop,
  type StepFunction,
} from '@plumbline/training';
import { PREVIOUS_CHECKPOINT } from './checkpoint-chain.js';
import { responseText } from '../sample/comparison-set.js';
import { heldOutMeasure } from '../policy/held-out-policy.js';
import type { Metrics } from './optimiser.js';
import { OPTIMISERS } from './registry.js';
import { readRewardModel, rewardScorer } from '../reward/reward-scorer.js';
import type { Sequence } from '../sequences.js';
import { moments } from '../rollout/whitening.js';

/** Scores a response's text as the simulated labelers' hidden reward does. */
export type GoldReward = (response: string) => number;

/** The step where nobody knows a gold reward. */
export const optimise: StepFunction = optimiseWith({});

/**
 * Output `policy`: the last checkpoint; it holds the policy under the transformer's names and the value function, where
 * the optimiser has one, under `value.`. `optimise.algorithm` chooses the optimiser; each is documented in
 * `optimisers/`.
 *
 * @param goldReward to look at: its mean over an iteration's responses is the metric `objective/gold`. Training never
 *   sees it, and this package, which trains, knows of none.
 */
export function optimiseWith({ goldReward }: { readonly goldReward?: GoldReward }): StepFunction {
  return async (configuration, inputs, context) => {
    const { seed, sample, optimise: settings } = configuration;
    const pretrained = await readModelCheckpoint(context.artifacts, requiredInput(inputs, 'model'));
    const { model, tokenizer } = pretrained;
    const reward = await readRewardModel(context.artifacts, requiredInput(inputs, 'reward'));
    const manifest = {
      seed,
      model,
      sample,
      optimise: settings,
      corpusId: pretrained.checkpoint.references['corpus'],
    };
    const read = ALGORITHM_INPUTS[settings.algorithm].map((name) => [name, requiredInput(inputs, name)]);
    const references: Record<string, string> = {
      tokenizer: pretrained.tokenizerId,
      model: pretrained.id,
      reward: reward.id,
      ...(Object.fromEntries(read) as Record<string, string>),
    };
    const start =
      context.resumeFrom === null ? null : await readCheckpoint(context.artifacts, context.resumeFrom);
    if (start) {
      const { [PREVIOUS_CHECKPOINT]: _, ...own } = start.references;
      checkResumed(start.id, 'configuration', start.configuration, manifest);
      checkResumed(start.id, 'references', own, references);
    }
    let previous = start?.id ?? null;
    const scorer = rewardScorer(reward, sample.promptTokens + sample.responseTokens, context.plan);
    const measure = (responses: readonly Sequence[]): Metrics =>
      goldReward ? goldMetrics(goldReward, responses, tokenizer) : {};
    try {
      const heldOut = await heldOutMeasure({ configuration, context, pretrained, scorer, measure });
      const optimiser = await OPTIMISERS[settings.algorithm].begin({
        configuration,
        context,
        inputs,
        pretrained,
        reward,
        scorer,
        measure,
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
          ...(heldOut && { evaluate: () => heldOut(optimiser.snapshot().weights) }),
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
}

function goldMetrics(goldReward: GoldReward, responses: readonly Sequence[], tokenizer: Tokenizer): Metrics {
  const texts = responses.map(({ responseTokens }) => responseText(responseTokens, tokenizer));
  return { 'objective/gold': moments(texts.map(goldReward)).mean };
}
