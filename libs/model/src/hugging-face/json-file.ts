import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseJsonWithoutDuplicates } from '@plumbline/artifacts';
import { ModelFormatError } from './model-format-error.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/** The JSON object in a file; null when there is no such file. @throws ModelFormatError when it holds anything else */
export async function readJsonObject(path: string): Promise<JsonObject | null> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new ModelFormatError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  let value: unknown;
  try {
    value = parseJsonWithoutDuplicates(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ModelFormatError(`${path} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ModelFormatError(`${path}: ${basename(path)} must be an object`);
  }
  return value as JsonObject;
}
