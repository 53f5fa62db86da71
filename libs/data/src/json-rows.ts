/** Rows of JSON Lines files: one object a line. */
import { DataError, type DataLocation } from './data-error.js';
import type { DataFile } from './data-files.js';
import { readLines } from './text-lines.js';

export interface JsonRow {
  readonly location: DataLocation;
  readonly value: Readonly<Record<string, unknown>>;
}

/** Empty lines are left out. @throws DataError naming file and line of what is no JSON object */
export async function* readJsonRows(key: string, file: DataFile): AsyncGenerator<readonly JsonRow[]> {
  for await (const lines of readLines(key, file)) {
    const rows: JsonRow[] = [];
    for (const { number, text } of lines) {
      if (text.trim() === '') continue;
      const location = { key, path: file.path, line: number };
      rows.push({ location, value: parseRow(location, text) });
    }
    if (rows.length > 0) yield rows;
  }
}

/** @throws DataError when the text is no JSON object */
export function parseRow(location: DataLocation, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DataError(location, `not a row of JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DataError(location, 'the row must be a JSON object');
  }
  return value as Record<string, unknown>;
}

/** For errors: the keys that a row does have. */
export function keysOf(row: JsonRow): string {
  const keys = Object.keys(row.value);
  return keys.length === 0 ? 'the row is empty' : `the row has ${keys.slice(0, 10).join(', ')}`;
}
