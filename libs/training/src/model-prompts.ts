import { promptWindows, readTokenizedCorpus, type PromptRequest } from '@plumbline/data';
import type { ModelCheckpoint } from './model-checkpoint.js';
import type { StepContext } from './step.js';

/**
 * Prompts from the corpus that a pretrained model was trained on, or that was imported with it, as its tokens.
 * @throws Error when the checkpoint refers to none; ArtifactError when a blob is missing or corrupted;
 *   RangeError when the corpus has too few prompts
 */
export async function readModelPrompts(
  context: StepContext,
  { id, checkpoint, tokenizer }: ModelCheckpoint,
  request: PromptRequest,
): Promise<number[][]> {
  context.progress({ phase: 'reading the corpus', done: 0, total: 1, unit: 'corpora' });
  const corpusId = checkpoint.references['corpus'];
  if (corpusId === undefined)
    throw new Error(
      `checkpoint ${id} refers to no corpus that prompts could come from; import the model with --corpus`,
    );
  const corpus = await readTokenizedCorpus(context.artifacts, corpusId, tokenizer);
  await context.breathe();
  const prompts = promptWindows(corpus, request);
  await context.breathe();
  return prompts;
}
