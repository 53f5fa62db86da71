import { ArtifactError } from './artifact-error.js';

/**
 * The safetensors format (https://github.com/huggingface/safetensors): eight bytes of header length, a JSON header,
 * then the tensors' bytes, little endian. Written canonically: tensors in name order, header padded with spaces to
 * eight bytes, no metadata; so equal tensors have equal bytes.
 */

export type Dtype = 'F32' | 'I32';

/** `data` holds the elements in row-major order; its length is the product of `shape`. */
export interface NamedTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

export type TensorMap = Readonly<Record<string, NamedTensor>>;

interface HeaderEntry {
  dtype: Dtype;
  shape: readonly number[];
  data_offsets: readonly [number, number];
}

const BYTES_PER_ELEMENT = 4;
const MAXIMUM_HEADER_BYTES = 100_000_000;
const METADATA = '__metadata__';

/** @throws ArtifactError `malformed` when a tensor's data does not fit its shape */
export function encodeSafetensors(tensors: TensorMap): Uint8Array {
  const header: Record<string, HeaderEntry> = {};
  let offset = 0;
  const names = Object.keys(tensors).sort();
  for (const name of names) {
    const tensor = tensors[name]!;
    if (name === METADATA) throw malformed(`a tensor cannot be called ${METADATA}`);
    if (elementCount(tensor.shape, name) !== tensor.data.length) {
      throw malformed(
        `tensor ${name}: ${tensor.data.length} elements do not fit shape [${tensor.shape.join(', ')}]`,
      );
    }
    const end = offset + tensor.data.length * BYTES_PER_ELEMENT;
    header[name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const file = Buffer.alloc(8 + headerBytes + offset);
  file.writeBigUInt64LE(BigInt(headerBytes), 0);
  file.fill(' ', 8, 8 + headerBytes);
  json.copy(file, 8);
  let position = 8 + headerBytes;
  for (const name of names) {
    const { data } = tensors[name]!;
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).copy(file, position);
    position += data.byteLength;
  }
  return file;
}

/**
 * Reads strictly: the header inside the file and at most 100 MB, known types, spans equal to shape × type, contiguous
 * from the first byte to the last.
 * @throws ArtifactError `malformed` naming the tensor and the fault
 */
export function decodeSafetensors(bytes: Uint8Array): TensorMap {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < 8) throw malformed(`${file.length} bytes are too few for a header`);
  const headerBytes = Number(file.readBigUInt64LE(0));
  if (headerBytes > MAXIMUM_HEADER_BYTES) throw malformed(`header of ${headerBytes} bytes is over 100 MB`);
  if (8 + headerBytes > file.length) throw malformed(`header of ${headerBytes} bytes does not fit the file`);
  const header = parseHeader(file.subarray(8, 8 + headerBytes));
  const data = file.subarray(8 + headerBytes);

  const entries = Object.entries(header).filter(([name]) => name !== METADATA);
  const spans = entries.map(([name, entry]) => ({ name, ...checkEntry(name, entry) }));
  spans.sort((a, b) => a.start - b.start || a.end - b.end);
  let position = 0;
  const tensors: Record<string, NamedTensor> = {};
  for (const { name, dtype, shape, start, end } of spans) {
    if (start !== position) throw malformed(`tensor ${name} starts at byte ${start}, expected ${position}`);
    if (end > data.length) throw malformed(`tensor ${name} ends at byte ${end}, beyond the file`);
    position = end;
    const copy = new Uint8Array(data.subarray(start, end)).buffer;
    tensors[name] = { dtype, shape, data: dtype === 'F32' ? new Float32Array(copy) : new Int32Array(copy) };
  }
  if (position !== data.length) throw malformed(`${data.length - position} bytes follow the last tensor`);
  return tensors;
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw malformed('the header is not UTF-8 JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw malformed('the header is not an object');
  }
  return header as Record<string, unknown>;
}

function checkEntry(
  name: string,
  value: unknown,
): { dtype: Dtype; shape: readonly number[]; start: number; end: number } {
  const entry = value as Partial<HeaderEntry> | null;
  const dtype = entry?.dtype;
  if (dtype !== 'F32' && dtype !== 'I32')
    throw malformed(`tensor ${name}: unsupported type ${String(dtype)}`);
  const shape = entry?.shape;
  if (!Array.isArray(shape)) throw malformed(`tensor ${name}: no shape`);
  const offsets = entry?.data_offsets;
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw malformed(`tensor ${name}: no data_offsets`);
  }
  const [start, end] = offsets as [number, number];
  const length = elementCount(shape as number[], name) * BYTES_PER_ELEMENT;
  if (end - start !== length) {
    throw malformed(
      `tensor ${name}: ${end - start} bytes do not fit shape [${shape.join(', ')}] of ${dtype}`,
    );
  }
  return { dtype, shape: shape as number[], start, end };
}

function elementCount(shape: readonly number[], name: string): number {
  let count = 1;
  for (const size of shape) {
    if (!isCount(size)) throw malformed(`tensor ${name}: ${String(size)} is not a size`);
    count *= size;
    if (!Number.isSafeInteger(count))
      throw malformed(`tensor ${name}: shape [${shape.join(', ')}] overflows`);
  }
  return count;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function malformed(reason: string): ArtifactError {
  return new ArtifactError('malformed', `safetensors: ${reason}`);
}
