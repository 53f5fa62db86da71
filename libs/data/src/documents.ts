/** Documents of text and JSON Lines files, one after the other. */
import { DataError } from './data-error.js';
import type { DataFile } from './data-files.js';
import { keysOf, readJsonRows } from './json-rows.js';
import { LONGEST_TEXT_BYTES, readLines } from './text-lines.js';

export const DOCUMENT_SEPARATOR = '<|endoftext|>';

export interface DocumentOptions {
  /** The configuration's key, for errors. */
  readonly key: string;
  /** Key of a JSON Lines row that holds its text. */
  readonly textKey: string;
}

/**
 * The file's documents, a number of them at a time, without white space around them; empty ones are left out. In text,
 * they are separated by `<|endoftext|>` or, where the file has none, by blank lines; CRLF becomes LF.
 *
 * @throws DataError naming file and line
 */
export function readDocuments(file: DataFile, options: DocumentOptions): AsyncGenerator<readonly string[]> {
  return file.format === 'json-lines' ? rowTexts(file, options) : textDocuments(file, options);
}

async function* rowTexts(
  file: DataFile,
  { key, textKey }: DocumentOptions,
): AsyncGenerator<readonly string[]> {
  for await (const rows of readJsonRows(key, file)) {
    const documents: string[] = [];
    for (const row of rows) {
      const text = Object.hasOwn(row.value, textKey) ? row.value[textKey] : undefined;
      if (typeof text !== 'string') {
        throw new DataError(
          row.location,
          text === undefined
            ? `no key ${textKey} (${keysOf(row)}; textKey names another)`
            : `${textKey} must be a string`,
        );
      }
      for (const part of text.split(DOCUMENT_SEPARATOR)) {
        const document = part.trim();
        if (document !== '') documents.push(document);
      }
    }
    if (documents.length > 0) yield documents;
  }
}

async function* textDocuments(file: DataFile, { key }: DocumentOptions): AsyncGenerator<readonly string[]> {
  const separated = await hasSeparator(key, file);
  let parts: string[] = [];
  let size = 0;
  const take = (documents: string[]): void => {
    const document = parts.join('').trim();
    parts = [];
    size = 0;
    if (document !== '') documents.push(document);
  };
  for await (const lines of readLines(key, file)) {
    const documents: string[] = [];
    for (const { number, text } of lines) {
      const [first = '', ...others] = separated ? text.split(DOCUMENT_SEPARATOR) : [text];
      if (!separated && text.trim() === '') {
        take(documents);
        continue;
      }
      parts.push(first);
      size += first.length + 1;
      for (const part of others) {
        take(documents);
        parts.push(part);
        size += part.length + 1;
      }
      parts.push('\n');
      if (size > LONGEST_TEXT_BYTES) {
        throw new DataError(
          { key, path: file.path, line: number },
          `the document is longer than ${LONGEST_TEXT_BYTES} characters: separate documents by ` +
            `${DOCUMENT_SEPARATOR} or blank lines`,
        );
      }
    }
    if (documents.length > 0) yield documents;
  }
  const last: string[] = [];
  take(last);
  if (last.length > 0) yield last;
}

async function hasSeparator(key: string, file: DataFile): Promise<boolean> {
  for await (const lines of readLines(key, file)) {
    if (lines.some(({ text }) => text.includes(DOCUMENT_SEPARATOR))) return true;
  }
  return false;
}
