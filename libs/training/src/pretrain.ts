/** The step `pretrain`: a tokenizer and a language model from a corpus. */
import { readCheckpoint, type CheckpointContent, type TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration, PretrainConfiguration, RunConfiguration } from '@plumbline/contracts';
import {
  DataError,
  openCorpus,
  readTokenizedCorpus,
  tokenizeCorpus,
  tokenizerSample,
  writeTokenizedCorpus,
  type TokenizedCorpus,
} from '@plumbline/data';
import { disposeParameters, initialise, Tokenizer, toTensorMap, trainByteLevelBpe } from '@plumbline/model';
import { evenWindows, WindowBatches } from './batches.js';
import type { StepContext, StepFunction } from './step.js';
import { trainLanguageModel } from './train-language-model.js';
import { windowRows, type TokenRows } from './training-rows.js';

/** Held-out loss is the mean over at most this many windows of the model's context. */
const HELD_OUT_WINDOWS = 128;
/** The tokenizer learns from at most this much text. */
const TOKENIZER_CHARACTERS = 2 ** 25;

interface PretrainStart {
  readonly start: { readonly weights: TensorMap } | (CheckpointContent & { readonly id: string });
  readonly corpus: TokenizedCorpus;
  /** SHA-256 of the corpus's documents. */
  readonly corpusHash: string;
  /** Artifacts that every checkpoint refers to. */
  readonly references: { readonly tokenizer: string; readonly corpus: string };
}

/** What defines the step's work, as it stands in its checkpoints. */
interface PretrainManifest {
  readonly seed: number;
  readonly model: ModelConfiguration;
  /** As configured, but with the corpus by its content. */
  readonly pretrain: PretrainConfiguration;
}

/**
 * Outputs `model`: the last checkpoint, with the tokenizer and the tokenised corpus among its references. Metrics: see
 * `trainLanguageModel`.
 *
 * @throws DataError naming `pretrain.corpus`; RangeError naming `model.vocabulary` when the corpus is too small for it;
 *   CheckpointMismatchError; NonFiniteTrainingError
 */
export const pretrain: StepFunction = async (configuration, _inputs, context) => {
  const { model, seed, pretrain: settings } = configuration;
  const { start, corpus, corpusHash, references } = context.resumeFrom
    ? await resume(context, context.resumeFrom)
    : await begin(configuration, context);
  await context.breathe();
  checkLength(settings.corpus, 'training', corpus.train.tokens, model.context);
  checkLength(settings.corpus, 'held-out', corpus.heldOut.tokens, model.context);
  const manifest: PretrainManifest = { seed, model, pretrain: { ...settings, corpus: corpusHash } };
  const batches = new WindowBatches(corpus.train.tokens, model.context, seed, 'pretrain windows');
  const result = await trainLanguageModel({
    context,
    step: 'pretrain',
    phase: 'pretraining',
    seed,
    model,
    settings,
    total: Math.ceil(settings.tokens / (settings.batch * model.context)),
    rows: windowRows(batches, model.context),
    heldOut: joinedWindows(evenWindows(corpus.heldOut.tokens, model.context, HELD_OUT_WINDOWS)),
    manifest,
    references,
    start,
  });
  return result.outcome === 'paused'
    ? result
    : { outcome: 'completed', outputs: { model: result.checkpoint } };
};

/** Reads the corpus, trains the tokenizer and draws the first weights. */
async function begin(configuration: RunConfiguration, context: StepContext): Promise<PretrainStart> {
  const { model, seed, pretrain: settings } = configuration;
  const { artifacts } = context;
  const say = (phase: string, unit: string): Promise<void> => {
    context.progress({ phase, done: 0, total: 1, unit });
    return context.breathe();
  };
  await say('reading the corpus', 'corpora');
  const text = await openCorpus(settings.corpus, settings.textKey);
  await say('training the tokenizer', 'tokenizers');
  const sample = await tokenizerSample(text, TOKENIZER_CHARACTERS);
  const tokenizer = new Tokenizer(trainByteLevelBpe(sample, model.vocabulary));
  if (tokenizer.vocabularySize !== model.vocabulary) {
    throw new RangeError(
      `model.vocabulary: the corpus yields ${tokenizer.vocabularySize} tokens, not ${model.vocabulary}`,
    );
  }
  const corpus = await tokenizeCorpus(text.read(), tokenizer, () => say('tokenising the corpus', 'corpora'));
  const parameters = initialise(model, seed);
  const weights = toTensorMap(parameters);
  disposeParameters(parameters);
  return {
    start: { weights },
    corpus,
    corpusHash: `sha256:${text.hash}`,
    references: {
      tokenizer: await artifacts.putJson(tokenizer.json),
      corpus: await writeTokenizedCorpus(artifacts, corpus),
    },
  };
}

/** All from the checkpoint: the text is not read again, so it may have moved or changed since. */
async function resume({ artifacts }: StepContext, id: string): Promise<PretrainStart> {
  const start = await readCheckpoint(artifacts, id);
  const { tokenizer, corpus } = start.references;
  if (start.step !== 'pretrain' || tokenizer === undefined || corpus === undefined) {
    throw new Error(`checkpoint ${id} is not of pretraining: it refers to no tokenizer or corpus`);
  }
  return {
    start,
    corpus: await readTokenizedCorpus(artifacts, corpus, new Tokenizer(await artifacts.getJson(tokenizer))),
    corpusHash: (start.configuration as PretrainManifest).pretrain.corpus,
    references: { tokenizer, corpus },
  };
}

function checkLength(corpus: string, part: string, tokens: Int32Array, context: number): void {
  if (tokens.length > context) return;
  throw new DataError(
    { key: 'pretrain.corpus' },
    `the ${part} documents of ${corpus} have ${tokens.length} tokens; ` +
      `a model.context of ${context} needs more`,
  );
}

/** @param windows of equal length */
function joinedWindows(windows: readonly Int32Array[]): TokenRows {
  const length = windows[0]!.length;
  const tokens = new Int32Array(windows.length * length);
  windows.forEach((window, row) => tokens.set(window, row * length));
  return { count: windows.length, tokens, inputTokens: windows.length * (length - 1) };
}
