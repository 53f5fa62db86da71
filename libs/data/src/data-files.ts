/** Which files a path stands for. */
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DataError } from './data-error.js';

export type DataFormat = 'text' | 'json-lines';

export interface DataFile {
  /** Absolute. */
  readonly path: string;
  readonly format: DataFormat;
  readonly gzipped: boolean;
}

/** By the end of a file's name, before a `.gz`. */
const FORMATS: Readonly<Record<string, DataFormat>> = {
  '.txt': 'text',
  '.md': 'text',
  '.jsonl': 'json-lines',
  '.ndjson': 'json-lines',
};

/**
 * The file at the path, or all text and JSON Lines files in the folder and those below it, in the order of their paths.
 * Hidden files and folders and symbolic links inside a folder are left out. A file that is named itself may be called
 * anything: what is not JSON Lines by its name is text.
 *
 * @param key the configuration's, for errors
 * @param formats those that are wanted
 * @throws DataError when there is nothing there, or nothing that can be used
 */
export async function findDataFiles(
  key: string,
  path: string,
  formats: readonly DataFormat[],
): Promise<DataFile[]> {
  const absolute = resolve(path);
  const stats = await stat(absolute).catch((error: NodeJS.ErrnoException) => {
    const problem = error.code === 'ENOENT' ? 'no such file' : error.message;
    throw new DataError({ key, path: absolute }, problem, { cause: error });
  });
  if (!stats.isDirectory()) {
    const file = { path: absolute, gzipped: isGzipped(absolute), format: formatOf(absolute) ?? 'text' };
    if (formats.includes(file.format)) return [file];
    throw new DataError({ key, path: absolute }, `must be ${named(formats)}`);
  }
  const files: DataFile[] = [];
  await collect(absolute, formats, files);
  if (files.length === 0) throw new DataError({ key, path: absolute }, `the folder has no ${named(formats)}`);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function collect(folder: string, formats: readonly DataFormat[], files: DataFile[]): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await collect(path, formats, files);
    const format = formatOf(path);
    if (entry.isFile() && format && formats.includes(format)) {
      files.push({ path, format, gzipped: isGzipped(path) });
    }
  }
}

function isGzipped(path: string): boolean {
  return path.endsWith('.gz');
}

function formatOf(path: string): DataFormat | undefined {
  const name = isGzipped(path) ? path.slice(0, -'.gz'.length) : path;
  return FORMATS[name.slice(Math.max(0, name.lastIndexOf('.'))).toLowerCase()];
}

function named(formats: readonly DataFormat[]): string {
  const endings = Object.entries(FORMATS).filter(([, format]) => formats.includes(format));
  const kinds = formats.map((format) => (format === 'text' ? 'text' : 'JSON Lines'));
  return `${kinds.join(' or ')} file (${endings.map(([ending]) => ending).join(', ')}, each also with .gz)`;
}
