/** Best-of-n: no training, but a choice among the reference model's responses. */
import { createGenerator, responseUniforms } from '@plumbline/generation';
import { checkResumed, readModelPrompts } from '@plumbline/training';
import { bestOf, bestOfNKlBound } from '../rollout/best-of-n.js';
import { settledScores } from '../rollout/end-of-text.js';
import { completeSettings } from './optimise-settings.js';
import { moments } from '../rollout/whitening.js';
import { onlineIterations } from './online-training.js';
import type { Optimiser } from './optimiser.js';

interface BestOfNState {
  readonly iterations: number;
  readonly promptCursor: number;
}

/**
 * The policy is the pretrained model with n responses drawn to every prompt and the one kept that the reward model scores
 * highest (Stiennon et al. 2020; "rejection sampling" in WebGPT). Nothing is updated: the output's weights are the
 * model's own, its configuration says that it is best-of-n and how many, and whoever uses the policy (`responsesToChooseFrom`) draws
 * and chooses. The KL to the reference is bounded by log n − (n−1)/n, whatever the reward model.
 *
 * `episodes` responses to training prompts, `batch` an iteration, measure what that is worth: metrics of the chosen
 * responses, under the names that trained policies have.
 */
export const bestOfN: Optimiser = {
  begin: async ({ configuration, context, pretrained, scorer, measure, start }) => {
    const { seed, sample } = configuration;
    const settings = completeSettings(configuration.optimise);
    const { n } = settings.bestOfN ?? { n: 4 };
    const { model, tokenizer, checkpoint } = pretrained;
    const total = onlineIterations(settings);
    const perIteration = settings.batch / n;
    const prompts = await readModelPrompts(context, pretrained, {
      purpose: 'optimise',
      count: total * perIteration,
      length: sample.promptTokens,
      seed,
    });
    const stateAt = (iterations: number): BestOfNState => ({
      iterations,
      promptCursor: iterations * perIteration,
    });
    let done = start?.index ?? 0;
    if (start) checkResumed(start.id, 'state', start.state, stateAt(done));
    const generator = await createGenerator(model, checkpoint.weights, {
      engine: context.plan.generation,
      threads: context.plan.threads,
    });
    const kl = bestOfNKlBound(n);
    const breathe = (): Promise<void> => context.breathe();
    return {
      total,
      done,
      iterate: async (iteration) => {
        const rows = Array.from({ length: settings.batch }, (_, row) => row);
        const promptOf = (row: number): number[] => prompts[iteration * perIteration + Math.floor(row / n)]!;
        const { tokens } = await generator.generate({
          promptTokens: rows.map(promptOf),
          responseTokens: sample.responseTokens,
          temperature: sample.temperature,
          uniforms: responseUniforms(
            seed,
            'rollouts',
            rows.map((row) => iteration * settings.batch + row),
            sample.responseTokens,
          ),
          stopToken: tokenizer.endOfText,
          shard: settings.batch,
          breathe,
        });
        const sequences = rows.map((row) => ({ promptTokens: promptOf(row), responseTokens: tokens[row]! }));
        const scores = settledScores(
          { sequences, scores: await scorer.score(sequences, { breathe }) },
          settings.missingEndOfText,
          tokenizer.endOfText,
        );
        const chosen = Array.from({ length: perIteration }, (_, prompt) => {
          const own = scores.subarray(prompt * n, (prompt + 1) * n);
          return prompt * n + bestOf(own);
        });
        const kept = chosen.map((row) => sequences[row]!);
        const score = moments(chosen.map((row) => scores[row]!)).mean;
        const penalty = -settings.kl.coefficient * kl;
        done = iteration + 1;
        return {
          'objective/scores': score,
          'objective/kl': kl,
          'objective/non_score_reward': penalty,
          'objective/rlhf_reward': score + penalty,
          /** Of all n, chosen or not. */
          'val/sampled_scores': moments(scores).mean,
          'val/num_eos_tokens': kept.filter(
            ({ responseTokens }) => responseTokens.at(-1) === tokenizer.endOfText,
          ).length,
          'completions/mean_length': moments(kept.map(({ responseTokens }) => responseTokens.length)).mean,
          episode: done * settings.batch,
          ...measure(kept),
        };
      },
      state: () => stateAt(done),
      snapshot: () => ({ weights: checkpoint.weights, optimizer: {} }),
      isWhole: () => true,
      dispose: () => generator.dispose(),
    };
  },
};
