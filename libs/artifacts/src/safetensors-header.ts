/**
 * The header of a safetensors file, read strictly: https://github.com/huggingface/safetensors#format. Nothing is
 * believed: what comes back describes the file's bytes exactly, or an error says what is wrong.
 */
import { ArtifactError } from './artifact-error.js';
import { FORMAT_BYTES, foreignFormat } from './foreign-formats.js';
import { parseJsonWithoutDuplicates, shown } from './json-without-duplicates.js';

/** Element types of the format, with their size in bytes. */
export const ELEMENT_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
  C64: 8,
} as const;
export type ElementType = keyof typeof ELEMENT_BYTES;

/** One tensor's type, shape and bytes [start, end), counted from the first byte after the header. */
export interface HeaderEntry {
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of their bytes, which they cover without hole or overlap. */
  readonly tensors: ReadonlyMap<string, HeaderEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes of the length that precedes the header. */
export const LENGTH_BYTES = 8;
export const METADATA = '__metadata__';
const MAXIMUM_HEADER_BYTES = 100_000_000;
const ENTRY_KEYS = ['dtype', 'shape', 'data_offsets'];
const OPENING_BRACE = 0x7b;

/**
 * How long the header of a file of `fileBytes` bytes is.
 *
 * @param start its first bytes, `FORMAT_BYTES` of them or all.
 * @throws ArtifactError `malformed` when the header is over 100 MB or does not fit the file; it names the format of what
 *   is recognisably no safetensors file.
 */
export function headerLength(start: Uint8Array, fileBytes: number): number {
  const bytes = Buffer.from(start.buffer, start.byteOffset, Math.min(start.byteLength, FORMAT_BYTES));
  const foreign = foreignFormat(bytes);
  if (foreign !== null) throw malformed(`the file is ${foreign}`);
  if (bytes.length < LENGTH_BYTES) throw malformed(`${fileBytes} bytes are too few for a header`);
  const length = bytes.readBigUInt64LE(0);
  if (length > MAXIMUM_HEADER_BYTES) throw malformed(`header of ${length} bytes is over 100 MB`);
  if (LENGTH_BYTES + Number(length) > fileBytes) {
    throw malformed(`header of ${length} bytes does not fit the file's ${fileBytes}`);
  }
  return Number(length);
}

/**
 * Parses and checks a header.
 *
 * @param header its bytes.
 * @param dataBytes how many bytes of tensors follow.
 * @throws ArtifactError `malformed` naming the tensor and the fault.
 */
export function parseHeader(header: Uint8Array, dataBytes: number): SafetensorsHeader {
  const members = Object.entries<unknown>(parseObject(header));
  const metadata = members.find(([name]) => name === METADATA)?.[1] ?? {};
  if (!isStringRecord(metadata)) throw malformed(`${METADATA} is not an object of strings`);
  const entries = members
    .filter(([name]) => name !== METADATA)
    .map(([name, value]): [string, HeaderEntry] => [name, checkEntry(name, value)]);
  entries.sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let position = 0;
  for (const [name, { start, end }] of entries) {
    if (start !== position) {
      throw malformed(`tensor ${shown(name)} starts at byte ${start}, expected ${position}`);
    }
    if (end > dataBytes) throw malformed(`tensor ${shown(name)} ends at byte ${end}, beyond the file`);
    position = end;
  }
  if (position !== dataBytes) throw malformed(`${dataBytes - position} bytes follow the last tensor`);
  return { tensors: new Map(entries), metadata };
}

/** How many elements a tensor has. @throws ArtifactError `malformed` when that is no count, or too large for one */
export function elementCount(shape: readonly unknown[], name: string): number {
  let count = 1;
  for (const size of shape) {
    if (!isCount(size)) throw malformed(`tensor ${shown(name)}: the shape has a size that is no count`);
    count *= size;
    if (!Number.isSafeInteger(count)) throw malformed(`tensor ${shown(name)}: the shape overflows`);
  }
  return count;
}

/** `name` as a tensor may be called. @throws ArtifactError `malformed` */
export function checkName(name: string): void {
  if (name === METADATA) throw malformed(`a tensor cannot be called ${METADATA}`);
  if (/\p{Surrogate}/u.test(name)) throw malformed(`tensor ${shown(name)}: the name is no Unicode text`);
}

export function malformed(reason: string): ArtifactError {
  return new ArtifactError('malformed', `safetensors: ${reason}`);
}

function parseObject(header: Uint8Array): Record<string, unknown> {
  if (header[0] !== OPENING_BRACE) throw malformed('the header does not begin with {');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(header);
  } catch {
    throw malformed('the header is not UTF-8');
  }
  const json = text.replace(/ *$/, '');
  if (!json.endsWith('}')) throw malformed('the header is not JSON, padded with spaces');
  try {
    return parseJsonWithoutDuplicates(json) as Record<string, unknown>; // it begins with {
  } catch (error) {
    const reason = (error as Error).message;
    throw malformed(reason.endsWith('occurs twice') ? reason : 'the header is not JSON');
  }
}

function checkEntry(name: string, value: unknown): HeaderEntry {
  checkName(name);
  const tensor = `tensor ${shown(name)}`;
  if (typeof value !== 'object' || value === null) throw malformed(`${tensor}: no description`);
  const unknown = Object.keys(value).find((key) => !ENTRY_KEYS.includes(key));
  if (unknown !== undefined) throw malformed(`${tensor}: unknown key ${shown(unknown)}`);
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (typeof dtype !== 'string') throw malformed(`${tensor}: no dtype`);
  if (!Object.hasOwn(ELEMENT_BYTES, dtype)) throw malformed(`${tensor}: unknown type ${shown(dtype)}`);
  const type = dtype as ElementType;
  if (!Array.isArray(shape)) throw malformed(`${tensor}: no shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw malformed(`${tensor}: no data_offsets`);
  }
  const [start, end] = offsets as [number, number];
  const bytes = elementCount(shape, name) * ELEMENT_BYTES[type];
  if (!Number.isSafeInteger(bytes)) throw malformed(`${tensor}: the shape overflows`);
  if (end - start !== bytes) {
    throw malformed(`${tensor}: ${end - start} bytes do not fit its shape of ${bytes} bytes of ${type}`);
  }
  return { dtype: type, shape: shape as number[], start, end };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((member) => typeof member === 'string')
  );
}
