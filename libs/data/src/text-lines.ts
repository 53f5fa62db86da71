/** Lines of UTF-8 files, gzipped or not, read as a stream: no file is ever whole in memory. */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DataError } from './data-error.js';
import type { DataFile } from './data-files.js';

export interface Line {
  /** 1 for the first. */
  readonly number: number;
  /** Without its end, be that LF or CRLF; the first line without a byte order mark. */
  readonly text: string;
}

const CHUNK_BYTES = 1 << 18;
/** Well below the longest string that V8 can hold. */
export const LONGEST_TEXT_BYTES = 1 << 27;
const NEWLINE = 10;
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * The file's lines, a number of them at a time.
 * @param key the configuration's, for errors
 * @throws DataError naming file and line: not UTF-8, too long a line, damaged gzip, unreadable file
 */
export async function* readLines(key: string, file: DataFile): AsyncGenerator<readonly Line[]> {
  let number = 0;
  /** Of a line whose end has not come yet. */
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const decode = (bytes: Buffer): Line => {
    const location = { key, path: file.path, line: ++number };
    if (!isUtf8(bytes)) throw new DataError(location, 'not UTF-8 text');
    let text = bytes.toString('utf8');
    if (text.endsWith('\r')) text = text.slice(0, -1);
    if (number === 1 && text.startsWith(BYTE_ORDER_MARK)) text = text.slice(1);
    return { number, text };
  };
  try {
    for await (const chunk of readBytes(file)) {
      const lines: Line[] = [];
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        lines.push(decode(joined(pending, chunk.subarray(start, end))));
        pending = [];
        pendingBytes = 0;
        start = end + 1;
      }
      if (start < chunk.length) pending.push(chunk.subarray(start));
      pendingBytes += chunk.length - start;
      if (pendingBytes > LONGEST_TEXT_BYTES) {
        throw new DataError(
          { key, path: file.path, line: number + 1 },
          `the line is longer than ${LONGEST_TEXT_BYTES} bytes`,
        );
      }
      if (lines.length > 0) yield lines;
    }
  } catch (error) {
    throw error instanceof DataError ? error : readingError(key, file, number, error as Error);
  }
  if (pending.length > 0) yield [decode(Buffer.concat(pending))];
}

function readBytes(file: DataFile): AsyncIterable<Buffer> {
  const bytes = createReadStream(file.path, { highWaterMark: CHUNK_BYTES });
  if (!file.gzipped) return bytes as AsyncIterable<Buffer>;
  // What goes wrong in either is thrown to whoever reads the second.
  return pipeline(bytes, createGunzip({ chunkSize: CHUNK_BYTES }), () => undefined) as AsyncIterable<Buffer>;
}

function joined(pending: readonly Buffer[], last: Buffer): Buffer {
  return pending.length === 0 ? last : Buffer.concat([...pending, last]);
}

function readingError(key: string, file: DataFile, linesRead: number, error: NodeJS.ErrnoException): unknown {
  // Of the operating system (a disk that fails, too many files open), and perhaps gone at the next attempt.
  if (error.code !== undefined && !error.code.startsWith('Z_')) return error;
  const location = { key, path: file.path, ...(linesRead > 0 && { line: linesRead }) };
  const problem =
    error.message === 'unexpected end of file'
      ? 'the gzip data ends too early: the file is truncated'
      : `damaged gzip data: ${error.message}`;
  return new DataError(location, problem, { cause: error });
}
