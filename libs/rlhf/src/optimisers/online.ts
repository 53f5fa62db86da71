import { checkResumed, compileProgress, readModelPrompts } from '@plumbline/training';
import { completeSettings } from './optimise-settings.js';
import type { OnlineOptimiser } from './online-optimiser.js';
import { onlineIterations, onlineState, OnlineTraining, type OnlineState } from './online-training.js';
import type { Optimiser } from './optimiser.js';

/** An online optimiser as the step drives it: prompts from the corpus, old state checked before it is continued. */
export function online(optimiser: OnlineOptimiser): Optimiser {
  return {
    begin: async ({ configuration, context, pretrained, reward, scorer, measure, start }) => {
      const { seed, sample } = configuration;
      const settings = completeSettings(configuration.optimise);
      const { model, tokenizer, checkpoint } = pretrained;
      const total = onlineIterations(settings);
      const prompts = await readModelPrompts(context, pretrained, {
        purpose: 'optimise',
        count: (total * settings.batch) / optimiser.responsesPerPrompt(settings),
        length: sample.promptTokens,
        seed,
      });
      const state = start?.state as OnlineState | undefined;
      if (start && state) {
        // β and the number of updates follow from what was measured; all else from the configuration.
        const { beta, updates } = state;
        const expected = onlineState(optimiser, settings, { iterations: start.index, beta, updates });
        checkResumed(start.id, 'state', state, expected);
      }
      const done = state?.iterations ?? 0;
      const training = await OnlineTraining.begin({
        optimiser,
        settings,
        sample,
        seed,
        model,
        weights: start?.weights ?? optimiser.initialWeights(checkpoint.weights, reward.members[0]!, settings),
        ...(start && { optimizer: start.optimizer }),
        ...(state && { state }),
        reference: checkpoint.weights,
        scorer,
        measure,
        prompt: (index) => prompts[index]!,
        endOfText: tokenizer.endOfText,
        plan: context.plan,
        breathe: () => context.breathe(),
        onCompile: compileProgress(context, { done, total, unit: 'iterations' }),
      });
      return {
        total,
        done,
        iterate: () => training.iterate(),
        state: () => training.state,
        snapshot: () => training.snapshot(),
        isWhole: () => training.isWhole(),
        dispose: () => training.dispose(),
      };
    },
  };
}
