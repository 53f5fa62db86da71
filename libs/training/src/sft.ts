/** The step `sft`: supervised fine-tuning of a language model on prompts with their completions. */
import { readCheckpoint, type CheckpointContent, type TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration, SftConfiguration } from '@plumbline/contracts';
import {
  readStoredSupervisedData,
  readSupervisedData,
  writeSupervisedData,
  type SupervisedData,
} from '@plumbline/data';
import { readModelCheckpoint, type ModelCheckpoint } from './model-checkpoint.js';
import { requiredInput } from './required-input.js';
import type { StepContext, StepFunction } from './step.js';
import { trainLanguageModel } from './train-language-model.js';
import { exampleRows, longestExample, paddedExamples } from './training-rows.js';

/** Held-out loss is the mean over at most this many examples, evenly spread. */
const HELD_OUT_EXAMPLES = 256;
/** Rows are as long as the longest example, rounded up to a multiple of this. */
const LENGTH_STEP = 8;

interface SftStart {
  readonly start: { readonly weights: TensorMap } | (CheckpointContent & { readonly id: string });
  readonly data: SupervisedData;
  /** SHA-256 of the rows. */
  readonly dataHash: string;
  /** Artifact of the tokenised rows. */
  readonly dataId: string;
}

/** What defines the step's work, as it stands in its checkpoints. */
interface SftManifest {
  readonly seed: number;
  readonly model: ModelConfiguration;
  /** As configured, but with the data by its content. */
  readonly sft: SftConfiguration;
}

/**
 * Outputs `model`: the last checkpoint. It refers to the tokenizer and, where the model that it began from has one, to
 * the corpus that prompts are drawn from. The loss is over the completions' tokens and the end-of-text token after each;
 * over an update, it is the mean over all of these, however many there are in a row. Metrics: see `trainLanguageModel`.
 *
 * @throws DataError naming `sft.data`, file and line; CheckpointMismatchError; NonFiniteTrainingError
 */
export const sft: StepFunction = async (configuration, inputs, context) => {
  const { seed, sft: settings } = configuration;
  if (settings === undefined) throw new Error('sft: the configuration has no such section');
  const pretrained = await readModelCheckpoint(context.artifacts, requiredInput(inputs, 'model'));
  const { model, tokenizer, tokenizerId } = pretrained;
  const { start, data, dataHash, dataId } = context.resumeFrom
    ? await resume(context, context.resumeFrom)
    : await begin(settings, pretrained, context);
  await context.breathe();
  const longest = Math.max(longestExample(data.train), longestExample(data.heldOut)) - 1;
  const length = Math.min(model.context, Math.ceil(longest / LENGTH_STEP) * LENGTH_STEP);
  const manifest: SftManifest = { seed, model, sft: { ...settings, data: dataHash } };
  const corpus = pretrained.checkpoint.references['corpus'];
  const result = await trainLanguageModel({
    context,
    step: 'sft',
    phase: 'fine-tuning',
    seed,
    model,
    settings,
    total: Math.ceil((settings.epochs * data.train.starts.length) / settings.batch),
    rows: exampleRows(data.train, { length, padding: tokenizer.endOfText, seed, purpose: 'sft rows' }),
    heldOut: paddedExamples(
      data.heldOut,
      evenly(data.heldOut.starts.length, HELD_OUT_EXAMPLES),
      length,
      tokenizer.endOfText,
    ),
    manifest,
    references: { tokenizer: tokenizerId, model: pretrained.id, data: dataId, ...(corpus && { corpus }) },
    start,
  });
  return result.outcome === 'paused'
    ? result
    : { outcome: 'completed', outputs: { model: result.checkpoint } };
};

async function begin(
  settings: SftConfiguration,
  { model, tokenizer, checkpoint }: ModelCheckpoint,
  context: StepContext,
): Promise<SftStart> {
  const { data, hash } = await readSupervisedData(settings.data, tokenizer, {
    maximumTokens: model.context,
    longRows: settings.longRows,
    breathe: () => {
      context.progress({ phase: 'reading the data', done: 0, total: 1, unit: 'data sets' });
      return context.breathe();
    },
  });
  return {
    start: { weights: checkpoint.weights },
    data,
    dataHash: `sha256:${hash}`,
    dataId: await writeSupervisedData(context.artifacts, data),
  };
}

/** All from the checkpoint: the rows are not read again, so they may have moved or changed since. */
async function resume({ artifacts }: StepContext, id: string): Promise<SftStart> {
  const start = await readCheckpoint(artifacts, id);
  const dataId = start.references['data'];
  if (start.step !== 'sft' || dataId === undefined) {
    throw new Error(`checkpoint ${id} is not of fine-tuning: it refers to no data`);
  }
  return {
    start,
    data: await readStoredSupervisedData(artifacts, dataId),
    dataHash: (start.configuration as SftManifest).sft.data,
    dataId,
  };
}

/** At most `limit` of 0 … `count − 1`, evenly spread. */
function evenly(count: number, limit: number): number[] {
  const chosen = Math.min(count, limit);
  return Array.from({ length: chosen }, (_, i) => Math.floor((i * count) / chosen));
}
