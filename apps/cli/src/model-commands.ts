/** What the `model` commands do. They read and write files and artifacts; no service need be running. */
import { stat } from 'node:fs/promises';
import { ArtifactError, openArtifactStore, type ArtifactStore } from '@plumbline/artifacts';
import { loadTensorFlow, TensorFlowError } from '@plumbline/compute';
import type { Environment } from '@plumbline/config';
import { DEFAULT_TEXT_KEY } from '@plumbline/contracts';
import {
  DataError,
  openCorpus,
  tokenizeCorpus,
  writeTokenizedCorpus,
  type TokenizedCorpus,
} from '@plumbline/data';
import {
  createGenerator,
  NonFiniteLogitsError,
  OnnxRuntimeError,
  responseUniforms,
} from '@plumbline/generation';
import {
  checkTokens,
  disposeParameters,
  endOfTextOf,
  fromTensorMap,
  ModelFormatError,
  NoLanguageModelError,
  OccupiedDirectoryError,
  readLanguageModel,
  readModelDirectory,
  scoreTokens,
  Tokenizer,
  writeLanguageModel,
  writeModelDirectory,
  type LanguageModel,
  type ReadOptions,
} from '@plumbline/model';
import { CommandError, FAILED, WRONG_USE } from './command-error.js';
import type { GenerateOptions, ImportOptions, ScoreOptions } from './commands/models.js';
import { formatNumber, print, printJson, remark, table } from './output.js';
import { withoutNativeNoise } from './without-native-noise.js';

const CHECKPOINT_ID = /^[0-9a-f]{64}$/;
const DEFAULT_NEW_TOKENS = 64;

export function importModel(settings: Environment, directory: string, options: ImportOptions): Promise<void> {
  return explaining(async () => {
    const model = await readModelDirectory(directory);
    const corpus =
      options.corpus === undefined ? null : await tokenizedCorpus(model, directory, options.corpus);
    for (const text of model.remarks) remark(text);
    const store = artifacts(settings);
    const checkpoint = await writeLanguageModel(store, model, {
      ...(corpus !== null && { corpus: await writeTokenizedCorpus(store, corpus) }),
    });
    if (options.json) printJson({ checkpoint });
    else print(checkpoint);
  });
}

/** The text as the model's tokens: later steps draw their prompts from it. */
async function tokenizedCorpus(
  model: LanguageModel,
  directory: string,
  corpus: string,
): Promise<TokenizedCorpus> {
  const tokenizer = tokenizerOf(model, directory);
  if (endOfTextOf(model.tokenizer) === null) {
    throw new CommandError(
      WRONG_USE,
      `--corpus: ${directory}/tokenizer.json has no token that ends a document`,
    );
  }
  const text = await openCorpus(corpus, DEFAULT_TEXT_KEY);
  return tokenizeCorpus(text.read(), tokenizer);
}

export function exportModel(
  settings: Environment,
  id: string,
  directory: string,
  options: { readonly force?: boolean; readonly json?: boolean },
): Promise<void> {
  return explaining(async () => {
    const model = await readLanguageModel(artifacts(settings), id);
    const written = await writeModelDirectory(directory, model, { replace: options.force });
    if (!written) remark(`${directory} holds this model already`);
    if (options.json) printJson({ directory });
    else print(directory);
  });
}

export function scoreModel(settings: Environment, name: string, options: ScoreOptions): Promise<void> {
  return explaining(async () => {
    const { text } = options;
    if ((text === undefined) === (options.tokens === undefined)) {
      throw new CommandError(WRONG_USE, 'give either --text or --tokens');
    }
    const model = await findModel(settings, name, { tokenizer: text !== undefined });
    const tokens = options.tokens ?? tokenizerOf(model, name).encode(text!);
    wrongUseOf(RangeError, () => checkTokens(model.model, tokens));
    startTensorFlow(settings);
    const parameters = fromTensorMap(model.weights);
    const logprobs = scoreTokens(parameters, model.model, tokens);
    disposeParameters(parameters);
    if (!logprobs.every(Number.isFinite)) {
      throw new CommandError(FAILED, `${name}: the model's probabilities are not finite numbers`);
    }
    if (options.json) printJson({ tokens, logprobs });
    else print(scoreTable(tokens, logprobs, model));
  });
}

export function generateText(settings: Environment, name: string, options: GenerateOptions): Promise<void> {
  return explaining(async () => {
    const model = await findModel(settings, name);
    const tokenizer = tokenizerOf(model, name);
    const prompt = tokenizer.encode(options.prompt);
    const responseTokens = responseLength(model, prompt, options);
    const temperature = options.temperature ?? model.generation.temperature ?? 1;
    const ends = model.generation.endOfText ?? [];
    const generator = await createGenerator(model.model, model.weights, {
      engine: settings.device === 'gpu' ? 'tfjs' : 'auto',
      threads: settings.threads ?? undefined,
      loadTensorFlow: () => {
        startTensorFlow(settings);
      },
    });
    const result = await generator.generate({
      promptTokens: [prompt],
      responseTokens,
      temperature,
      topK: options.topK ?? model.generation.topK,
      topP: options.topP ?? model.generation.topP,
      uniforms: responseUniforms(options.seed, 'model generate', [0], responseTokens),
      stopToken: ends,
    });
    await generator.dispose();
    const tokens = result.tokens[0]!;
    const text = tokenizer.decode(ends.includes(tokens.at(-1)!) ? tokens.slice(0, -1) : tokens);
    if (options.json) printJson({ text, tokens });
    else print(text);
  });
}

/** The model of a checkpoint or of a directory. @throws CommandError when the name is of neither */
async function findModel(
  settings: Environment,
  name: string,
  options: ReadOptions = {},
): Promise<LanguageModel> {
  const isDirectory = await stat(name).then(
    (information) => information.isDirectory(),
    () => false,
  );
  if (isDirectory) return readModelDirectory(name, options);
  if (CHECKPOINT_ID.test(name)) return readLanguageModel(artifacts(settings), name);
  throw new CommandError(
    WRONG_USE,
    `${JSON.stringify(name)} is neither a checkpoint id (64 hexadecimal digits) nor a directory`,
  );
}

function startTensorFlow({ device, threads }: Environment): void {
  withoutNativeNoise(() => loadTensorFlow({ device, threads: threads ?? undefined }));
}

function artifacts(settings: Environment): ArtifactStore {
  return openArtifactStore(settings.artifactsUrl);
}

function tokenizerOf(model: LanguageModel, name: string): Tokenizer {
  if (model.tokenizer === null) throw new CommandError(WRONG_USE, `${name} has no tokenizer.json`);
  return new Tokenizer(model.tokenizer);
}

/** How many tokens to generate. @throws CommandError when prompt and response do not fit the context */
function responseLength(
  { model: { context }, model, generation }: LanguageModel,
  prompt: readonly number[],
  options: GenerateOptions,
): number {
  if (prompt.length === 0) throw new CommandError(WRONG_USE, '--prompt is empty');
  wrongUseOf(RangeError, () => checkTokens(model, prompt));
  const room = context - prompt.length;
  const wanted = options.maxNewTokens ?? Math.min(room, generation.maximumNewTokens ?? DEFAULT_NEW_TOKENS);
  if (room < 1 || wanted > room) {
    throw new CommandError(
      WRONG_USE,
      `a prompt of ${prompt.length} tokens and ${Math.max(wanted, 1)} new ones do not fit the model's context of ${context}`,
    );
  }
  return wanted;
}

function scoreTable(tokens: readonly number[], logprobs: readonly number[], model: LanguageModel): string {
  const tokenizer = model.tokenizer === null ? null : new Tokenizer(model.tokenizer);
  const rows = tokens.map((token, index) => [
    String(token),
    ...(tokenizer ? [JSON.stringify(tokenizer.decode([token]))] : []),
    index === 0 ? '–' : formatNumber(logprobs[index - 1]!),
  ]);
  const total = logprobs.reduce((a, b) => a + b, 0);
  const mean = logprobs.length === 0 ? '' : `; per token ${formatNumber(total / logprobs.length)}`;
  const heading = ['token', ...(tokenizer ? ['text'] : []), 'nats'];
  return `${table([heading, ...rows])}\n\ntotal ${formatNumber(total)} nats${mean}`;
}

/** What is wrong with the user's input, as such. */
function wrongUseOf(type: new () => Error, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw error instanceof type ? new CommandError(WRONG_USE, error.message, { cause: error }) : error;
  }
}

/** Gives what is expected to go wrong its exit code. */
async function explaining(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw explained(error);
  }
}

function explained(error: unknown): unknown {
  const as = (code: typeof FAILED | typeof WRONG_USE): CommandError =>
    new CommandError(code, (error as Error).message, { cause: error });
  if (error instanceof OccupiedDirectoryError) {
    return new CommandError(WRONG_USE, `${error.message}; --force replaces a model directory`, {
      cause: error,
    });
  }
  if (error instanceof ModelFormatError || error instanceof NoLanguageModelError) return as(WRONG_USE);
  if (error instanceof DataError) {
    const message = error.message.replace(/^pretrain\.corpus/, '--corpus');
    return new CommandError(WRONG_USE, message, { cause: error });
  }
  if (error instanceof ArtifactError) return as(error.code === 'corrupted' ? FAILED : WRONG_USE);
  if (
    error instanceof NonFiniteLogitsError ||
    error instanceof OnnxRuntimeError ||
    error instanceof TensorFlowError
  )
    return as(FAILED);
  return error;
}
