import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Replaces a JSON file in one step: a reader sees the old content or the new, never a part. */
export function writeJsonFile(file: string, value: unknown, mode = 0o644): void {
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    // `flush`: on disk before the name points at it, or a power cut could leave an empty file.
    writeFileSync(partial, `${JSON.stringify(value, null, 2)}\n`, { mode, flush: true });
    renameSync(partial, file);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

/** Null when there is no such file. @throws SyntaxError when it is not JSON */
export function readJsonFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Null also when the file is damaged: for what is written anew anyway. */
export function readReplaceableJsonFile(file: string): unknown {
  try {
    return readJsonFile(file);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
