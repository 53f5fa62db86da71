/** The step `sample`: responses of the pretrained model, two a prompt, for labelers to compare. */
import type { ComparisonSet, RunConfiguration } from '@plumbline/contracts';
import { readModelCheckpoint, readModelPrompts, type StepFunction, requiredInput } from '@plumbline/training';
import { comparison } from './comparison-set.js';
import { sampleResponses } from './sample-responses.js';

/**
 * Output `comparisons`: a comparison set of `sample.comparisons` prompts from training documents, the first
 * `sample.heldOut` of them held out. Prompts come in random order, so the split is by prompt and at random.
 */
export const sample: StepFunction = async (configuration, inputs, context) => {
  const { seed, sample: settings } = configuration;
  const model = await readModelCheckpoint(context.artifacts, requiredInput(inputs, 'model'));
  const prompts = await readModelPrompts(context, model, {
    purpose: 'sample',
    count: settings.comparisons,
    length: settings.promptTokens,
    seed,
  });

  const result = await sampleResponses({
    context,
    step: 'sample',
    manifest: { seed, model: model.model, sample: settings, corpusId: model.checkpoint.references['corpus'] },
    references: { tokenizer: model.tokenizerId, model: model.id },
    seed,
    responseTokens: settings.responseTokens,
    temperature: settings.temperature,
    endOfText: model.tokenizer.endOfText,
    sources: [
      {
        name: 'pretrained',
        model,
        weights: model.checkpoint.weights,
        prompts,
        responsesPerPrompt: settings.responsesPerPrompt,
      },
    ],
  });
  if (result.outcome === 'paused') return result;
  const set: ComparisonSet = {
    kind: 'comparison-set',
    comparisons: prompts.map((prompt, index) =>
      comparison(splitOf(index, settings), prompt, result.responses['pretrained']![index]!, model.tokenizer),
    ),
  };
  return { outcome: 'completed', outputs: { comparisons: await context.artifacts.putJson(set) } };
};

function splitOf(index: number, settings: RunConfiguration['sample']): 'train' | 'heldOut' {
  return index < settings.heldOut ? 'heldOut' : 'train';
}
