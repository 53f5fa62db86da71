import {
  checkName,
  elementCount,
  headerLength,
  LENGTH_BYTES,
  malformed,
  METADATA,
  parseHeader,
} from './safetensors-header.js';
import { shown } from './json-without-duplicates.js';

/**
 * The safetensors format (https://github.com/huggingface/safetensors): eight bytes of header length, a JSON header,
 * then the tensors' bytes, little endian. Written canonically: tensors in name order, header padded with spaces to
 * eight bytes; so equal tensors have equal bytes.
 */

export type Dtype = 'F32' | 'I32';

/** `data` holds the elements in row-major order; its length is the product of `shape`. */
export interface NamedTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

export type TensorMap = Readonly<Record<string, NamedTensor>>;

const BYTES_PER_ELEMENT = 4;

/**
 * @param metadata text that other programs look for; absent: none, as in our checkpoints.
 * @throws ArtifactError `malformed` when a tensor's data does not fit its shape
 */
export function encodeSafetensors(
  tensors: TensorMap,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const header: [string, unknown][] = metadata ? [[METADATA, metadata]] : [];
  let offset = 0;
  const names = Object.keys(tensors).sort();
  for (const name of names) {
    const { dtype, shape, data } = tensors[name]!;
    checkName(name);
    if (elementCount(shape, name) !== data.length) {
      throw malformed(
        `tensor ${shown(name)}: ${data.length} elements do not fit shape [${shape.join(', ')}]`,
      );
    }
    const end = offset + data.length * BYTES_PER_ELEMENT;
    header.push([name, { dtype, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const file = Buffer.alloc(LENGTH_BYTES + headerBytes + offset);
  file.writeBigUInt64LE(BigInt(headerBytes), 0);
  file.fill(' ', LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  json.copy(file, LENGTH_BYTES);
  let position = LENGTH_BYTES + headerBytes;
  for (const name of names) {
    const { data } = tensors[name]!;
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).copy(file, position);
    position += data.byteLength;
  }
  return file;
}

/**
 * Reads what `encodeSafetensors` writes, strictly: see `parseHeader`.
 * @throws ArtifactError `malformed` naming the tensor and the fault; also for types other than F32 and I32
 */
export function decodeSafetensors(bytes: Uint8Array): TensorMap {
  const headerBytes = headerLength(bytes, bytes.byteLength);
  const data = bytes.subarray(LENGTH_BYTES + headerBytes);
  const { tensors } = parseHeader(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + headerBytes), data.byteLength);
  return Object.fromEntries(
    [...tensors].map(([name, { dtype, shape, start, end }]): [string, NamedTensor] => {
      const copy = new Uint8Array(data.subarray(start, end)).buffer;
      if (dtype === 'F32') return [name, { dtype, shape, data: new Float32Array(copy) }];
      if (dtype === 'I32') return [name, { dtype, shape, data: new Int32Array(copy) }];
      throw malformed(`tensor ${shown(name)}: unsupported type ${dtype}`);
    }),
  );
}
