/**
 * The weights of a Hugging Face GPT-2 directory: one `model.safetensors`, or shards with an index. Names are ours with or
 * without `transformer.` before them.
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ArtifactError,
  foreignFormat,
  FORMAT_BYTES,
  SafetensorsFile,
  type NamedTensor,
  type TensorMap,
} from '@plumbline/artifacts';
import type { ModelConfiguration } from '@plumbline/contracts';
import { checkShapes } from '../parameters.js';
import { OUTPUT_EMBEDDING, parameterShapes } from '../transformer.js';
import { readJsonObject } from './json-file.js';
import { ModelFormatError } from './model-format-error.js';

export const WEIGHTS_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';
const PREFIX = 'transformer.';
/** Causal masks that old versions of `transformers` stored beside the weights. */
const MASKS = /^h\.\d+\.attn\.(bias|masked_bias)$/;
/** Where weights are kept in formats that are not read. */
const OTHER_WEIGHTS =
  /\.(bin|pt|pth|ckpt|h5|msgpack|gguf|ggml|onnx|npz|npy|pkl|tflite|keras)(\.index\.json)?$/;

/** Where a tensor is, under its own name there. */
interface Location {
  readonly file: SafetensorsFile;
  readonly name: string;
}

/**
 * The model's parameters, exactly those that `parameterShapes` names, as 32-bit floats.
 *
 * @throws ModelFormatError or ArtifactError naming the file, the tensor and the fault.
 */
export async function readGpt2Weights(directory: string, model: ModelConfiguration): Promise<TensorMap> {
  const files: SafetensorsFile[] = [];
  try {
    const locations = await locateTensors(directory, files);
    const head = locations.get(OUTPUT_EMBEDDING);
    const expected = parameterShapes(model);
    if (head && !(OUTPUT_EMBEDDING in expected)) {
      locations.delete(OUTPUT_EMBEDDING);
      await checkTied(directory, head, locations.get('wte.weight'));
    }
    checkLocations(directory, locations, expected);
    const weights: [string, NamedTensor][] = [];
    for (const [name, { file, name: stored }] of locations)
      weights.push([name, checkFinite(file.path, stored, await file.read(stored))]);
    return Object.fromEntries(weights);
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/** Every tensor that counts, by our name; the files opened are added to `files`. */
async function locateTensors(directory: string, files: SafetensorsFile[]): Promise<Map<string, Location>> {
  const locations = new Map<string, Location>();
  for await (const [file, stored] of storedTensors(directory, files)) {
    const name = stored.startsWith(PREFIX) ? stored.slice(PREFIX.length) : stored;
    if (MASKS.test(name)) continue;
    const other = locations.get(name);
    if (other) {
      throw new ModelFormatError(
        `${directory}: ${JSON.stringify(stored)} and ${JSON.stringify(other.name)} are the same parameter`,
      );
    }
    locations.set(name, { file, name: stored });
  }
  return locations;
}

async function* storedTensors(
  directory: string,
  files: SafetensorsFile[],
): AsyncGenerator<[SafetensorsFile, string]> {
  const entries = await readdir(directory);
  const openFile = async (name: string): Promise<SafetensorsFile> => {
    const file = await SafetensorsFile.open(join(directory, name));
    files.push(file);
    return file;
  };
  if (entries.includes(WEIGHTS_FILE)) {
    const file = await openFile(WEIGHTS_FILE);
    for (const name of file.header.tensors.keys()) yield [file, name];
    return;
  }
  if (!entries.includes(INDEX_FILE)) throw new ModelFormatError(await withoutWeights(directory, entries));
  const shardOf = await readIndex(join(directory, INDEX_FILE));
  for (const shard of [...new Set(shardOf.values())].sort()) {
    if (!entries.includes(shard))
      throw new ModelFormatError(`${join(directory, INDEX_FILE)}: the shard ${shard} is missing`);
    const file = await openFile(shard);
    for (const [name, expected] of shardOf) {
      if (expected === shard && !file.header.tensors.has(name)) {
        throw new ModelFormatError(
          `${file.path}: there is no tensor ${JSON.stringify(name)}, which ${INDEX_FILE} promises`,
        );
      }
    }
    for (const name of file.header.tensors.keys()) {
      if (shardOf.get(name) !== shard) {
        const where = shardOf.has(name) ? `in ${shardOf.get(name)}` : 'nowhere';
        throw new ModelFormatError(
          `${file.path}: ${INDEX_FILE} says that tensor ${JSON.stringify(name)} is ${where}`,
        );
      }
      yield [file, name];
    }
  }
}

/** Shard by tensor. Shards are files of the directory itself, never elsewhere. */
async function readIndex(path: string): Promise<Map<string, string>> {
  const map = (await readJsonObject(path))?.['weight_map'];
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new ModelFormatError(`${path}: weight_map must be an object`);
  }
  const entries = Object.entries(map as Record<string, unknown>);
  for (const [tensor, shard] of entries) {
    if (typeof shard !== 'string' || !/^[^/\\]+\.safetensors$/.test(shard)) {
      throw new ModelFormatError(
        `${path}: weight_map, tensor ${JSON.stringify(tensor)}: ${JSON.stringify(shard)} is not the name of a .safetensors file of this directory`,
      );
    }
  }
  return new Map(entries as [string, string][]);
}

/** Why there is nothing to read; says what lies there instead. */
async function withoutWeights(directory: string, entries: readonly string[]): Promise<string> {
  const reason = `${directory} has no ${WEIGHTS_FILE}`;
  const other =
    entries.find((name) => OTHER_WEIGHTS.test(name)) ?? entries.find((name) => name.endsWith('.safetensors'));
  if (other === undefined) return reason;
  const format = other.endsWith('.safetensors') ? null : await formatOf(join(directory, other));
  return `${reason}; ${other} is not read${format === null ? '' : `: it is ${format}`}`;
}

async function formatOf(path: string): Promise<string | null> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FORMAT_BYTES), 0, FORMAT_BYTES, 0);
    return foreignFormat(buffer.subarray(0, bytesRead));
  } catch {
    return null; // a directory
  } finally {
    await file.close();
  }
}

/** An output embedding that is stored although it is tied must be the input embedding. */
async function checkTied(directory: string, head: Location, embedding: Location | undefined): Promise<void> {
  const [theirs, ours] = await Promise.all([head.file.read(head.name), embedding?.file.read(embedding.name)]);
  const same = ours && bytesOf(theirs).equals(bytesOf(ours));
  if (!same) {
    throw new ModelFormatError(
      `${directory}: ${OUTPUT_EMBEDDING} differs from wte.weight, but config.json says that they are tied (tie_word_embeddings)`,
    );
  }
}

function bytesOf({ data }: NamedTensor): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function checkLocations(
  directory: string,
  locations: ReadonlyMap<string, Location>,
  expected: Readonly<Record<string, readonly number[]>>,
): void {
  const found = [...locations].map(
    ([name, { file, name: stored }]) => [name, file.header.tensors.get(stored)!] as const,
  );
  try {
    checkShapes(Object.fromEntries(found), expected);
  } catch (error) {
    throw new ModelFormatError(`${directory}: ${(error as Error).message}`, { cause: error });
  }
}

function checkFinite(path: string, name: string, tensor: NamedTensor): NamedTensor {
  const at = tensor.data.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    throw new ArtifactError(
      'malformed',
      `${path}: tensor ${JSON.stringify(name)}: element ${at} is ${tensor.data[at]}`,
    );
  }
  return tensor;
}
