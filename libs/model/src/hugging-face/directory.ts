/** Hugging Face directories of GPT-2 models, in and out. */
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { encodeSafetensors, type NamedTensor } from '@plumbline/artifacts';
import { END_OF_TEXT } from '../byte-pair-encoding.js';
import { endOfTextOf, type LanguageModel } from '../language-model.js';
import { mapValues } from '../parameters.js';
import { Tokenizer } from '../tokenizer.js';
import { OUTPUT_EMBEDDING } from '../transformer.js';
import { readGenerationConfig, writeGenerationConfig } from './generation-config.js';
import { readGpt2Config, writeGpt2Config } from './gpt2-config.js';
import { readGpt2Weights, WEIGHTS_FILE } from './gpt2-weights.js';
import { readJsonObject, type JsonObject } from './json-file.js';
import { ModelFormatError } from './model-format-error.js';

const CONFIG_FILE = 'config.json';
const GENERATION_FILE = 'generation_config.json';
const TOKENIZER_FILE = 'tokenizer.json';
const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json';

/** A directory that is not empty would have to be replaced. */
export class OccupiedDirectoryError extends ModelFormatError {}

export interface ReadOptions {
  /** false: `tokenizer.json` is left alone, whatever is in it. Absent: it is read where there is one. */
  readonly tokenizer?: boolean;
}

/**
 * Reads `config.json`, the weights, and `tokenizer.json` and `generation_config.json` where they are.
 *
 * @returns the model, and what was understood otherwise than it stands in the files.
 * @throws ModelFormatError or ArtifactError naming the file, what in it is wrong, and why.
 */
export async function readModelDirectory(
  directory: string,
  options: ReadOptions = {},
): Promise<LanguageModel & { readonly remarks: readonly string[] }> {
  const information = await stat(directory).catch(() => null);
  if (!information) throw new ModelFormatError(`${directory}: no such directory`);
  if (!information.isDirectory()) throw new ModelFormatError(`${directory} is not a directory`);
  const path = join(directory, CONFIG_FILE);
  const config = await readJsonObject(path);
  if (!config) throw new ModelFormatError(`${directory} has no ${CONFIG_FILE}`);
  const { model, endOfText, remarks } = readGpt2Config(config, path);

  const tokenizer = options.tokenizer === false ? null : await readTokenizer(directory, model.vocabulary);
  const generationPath = join(directory, GENERATION_FILE);
  const generation = readGenerationConfig(
    (await readJsonObject(generationPath)) ?? {},
    generationPath,
    model.vocabulary,
  );
  const ends = [generation.endOfText, endOfText, [endOfTextOf(tokenizer)].filter((token) => token !== null)];
  const end = ends.find((tokens) => tokens !== undefined && tokens.length > 0);
  return {
    model,
    weights: await readGpt2Weights(directory, model),
    tokenizer,
    generation: { ...generation, ...(end && { endOfText: end }) },
    remarks,
  };
}

async function readTokenizer(directory: string, vocabulary: number): Promise<JsonObject | null> {
  const path = join(directory, TOKENIZER_FILE);
  const json = await readJsonObject(path);
  if (!json) return null;
  let tokenizer: Tokenizer;
  try {
    tokenizer = new Tokenizer(json);
  } catch (error) {
    throw new ModelFormatError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  if (tokenizer.vocabularySize > vocabulary) {
    throw new ModelFormatError(
      `${path} has ${tokenizer.vocabularySize} tokens; the model's vocabulary (vocab_size) has ${vocabulary}`,
    );
  }
  return json;
}

/**
 * Writes the model as a directory that `transformers` loads. It appears whole or not at all.
 *
 * @returns whether anything was written: a directory that holds the same files already is left as it is.
 * @throws OccupiedDirectoryError when `directory` holds something else; with `replace`, ModelFormatError when that is no
 *   model directory of nothing but files.
 */
export async function writeModelDirectory(
  directory: string,
  model: LanguageModel,
  options: { readonly replace?: boolean } = {},
): Promise<boolean> {
  const target = await realpath(directory).catch(() => resolve(directory));
  const files = modelFiles(model);
  const existing = (await entriesOf(target)) ?? [];
  if (existing.length > 0) {
    if (await holdsExactly(target, existing, files)) return false;
    if (!options.replace) throw new OccupiedDirectoryError(`${directory} holds something else already`);
    await checkReplaceable(directory, target, existing);
  }
  await mkdir(dirname(target), { recursive: true });
  const staged = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`);
  try {
    await mkdir(staged);
    for (const [name, bytes] of files) await writeDurably(join(staged, name), bytes);
    await putInPlace(staged, target, existing.length > 0);
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
  return true;
}

/** A rename replaces an empty directory and no other; what was there goes only once its successor is in place. */
async function putInPlace(staged: string, target: string, occupied: boolean): Promise<void> {
  if (!occupied) return rename(staged, target);
  const old = `${staged}.old`;
  await rename(target, old);
  try {
    await rename(staged, target);
  } catch (error) {
    await rename(old, target);
    throw error;
  }
  await rm(old, { recursive: true });
}

function modelFiles({ model, weights, tokenizer, generation }: LanguageModel): Map<string, Uint8Array> {
  const prefixed = Object.fromEntries(
    Object.entries(weights).map(([name, tensor]): [string, NamedTensor] => [
      name === OUTPUT_EMBEDDING ? name : `transformer.${name}`,
      tensor,
    ]),
  );
  const endOfText = generation.endOfText?.[0] ?? endOfTextOf(tokenizer);
  const json: Record<string, unknown> = {
    [CONFIG_FILE]: writeGpt2Config(model, endOfText),
    [GENERATION_FILE]: writeGenerationConfig(generation),
    ...(tokenizer !== null && {
      [TOKENIZER_FILE]: tokenizer,
      [TOKENIZER_CONFIG_FILE]: tokenizerConfig(tokenizer, model.context),
    }),
  };
  return new Map<string, Uint8Array>([
    ...Object.entries(mapValues(json, (value) => Buffer.from(`${JSON.stringify(value, null, 2)}\n`))),
    // The metadata say to `transformers` that matrices are laid out as PyTorch's.
    [WEIGHTS_FILE, encodeSafetensors(prefixed, { format: 'pt' })],
  ]);
}

/** What `transformers` wants to know beside `tokenizer.json`. */
function tokenizerConfig(tokenizer: unknown, context: number): JsonObject {
  const special = endOfTextOf(tokenizer) === null ? {} : { bos_token: END_OF_TEXT, eos_token: END_OF_TEXT };
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: context,
    clean_up_tokenization_spaces: false,
    ...special,
  };
}

async function entriesOf(directory: string): Promise<string[] | null> {
  try {
    return await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    if (code === 'ENOTDIR') throw new ModelFormatError(`${directory} is not a directory`);
    throw error;
  }
}

async function holdsExactly(
  directory: string,
  entries: readonly string[],
  files: ReadonlyMap<string, Uint8Array>,
): Promise<boolean> {
  if (entries.length !== files.size || !entries.every((name) => files.has(name))) return false;
  for (const [name, bytes] of files) {
    const information = await lstat(join(directory, name));
    if (!information.isFile() || information.size !== bytes.byteLength) return false;
    if (!(await readFile(join(directory, name))).equals(bytes)) return false;
  }
  return true;
}

/** Only a model is ever deleted: files alone, a config.json among them. */
async function checkReplaceable(
  directory: string,
  target: string,
  entries: readonly string[],
): Promise<void> {
  const kinds = await Promise.all(entries.map((name) => lstat(join(target, name))));
  if (!entries.includes(CONFIG_FILE) || kinds.some((kind) => kind.isDirectory())) {
    throw new ModelFormatError(`${directory} is not a model directory, so it is not replaced`);
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
