/** Safetensors files of other programs, read from disk one tensor at a time. */
import { open, type FileHandle } from 'node:fs/promises';
import { ArtifactError } from './artifact-error.js';
import { FORMAT_BYTES } from './foreign-formats.js';
import { bfloat16ToFloat32, float16ToFloat32 } from './half-precision.js';
import { shown } from './json-without-duplicates.js';
import {
  headerLength,
  LENGTH_BYTES,
  malformed,
  parseHeader,
  type SafetensorsHeader,
} from './safetensors-header.js';
import type { NamedTensor } from './safetensors.js';

/** At most this much is asked of the file system at once: it gives no more than 2 GiB. */
const READ_BYTES = 2 ** 30;

/** An open file whose header was checked as strictly as `decodeSafetensors` checks; close it. */
export class SafetensorsFile {
  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    private readonly dataStart: number,
    readonly header: SafetensorsHeader,
  ) {}

  /** @throws ArtifactError `malformed` naming the file and the fault; the file system's error when it cannot be read */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await open(path, 'r');
    try {
      const information = await file.stat();
      if (!information.isFile()) throw malformed('not a file');
      const { size } = information;
      const headerBytes = headerLength(await readBytes(file, 0, Math.min(size, FORMAT_BYTES)), size);
      const dataStart = LENGTH_BYTES + headerBytes;
      const header = parseHeader(await readBytes(file, LENGTH_BYTES, headerBytes), size - dataStart);
      return new SafetensorsFile(path, file, dataStart, header);
    } catch (error) {
      await file.close();
      throw naming(path, error);
    }
  }

  /**
   * The tensor with its values as 32-bit floats, which hold those of F16 and BF16 exactly.
   * @throws ArtifactError `malformed` when the file has no such tensor, or one of another type
   */
  async read(name: string): Promise<NamedTensor> {
    const entry = this.header.tensors.get(name);
    if (!entry) throw naming(this.path, malformed(`there is no tensor ${shown(name)}`));
    const { dtype, shape, start, end } = entry;
    const convert = TO_FLOAT32[dtype as keyof typeof TO_FLOAT32];
    if (!convert) {
      const reason = `tensor ${shown(name)}: weights of type ${dtype} are not read; convert them to F32, F16 or BF16`;
      throw naming(this.path, malformed(reason));
    }
    const bytes = await readBytes(this.file, this.dataStart + start, end - start);
    return { dtype: 'F32', shape, data: convert(bytes) };
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

const TO_FLOAT32 = {
  F32: (bytes: Uint8Array<ArrayBuffer>): Float32Array =>
    new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4),
  F16: float16ToFloat32,
  BF16: bfloat16ToFloat32,
};

async function readBytes(file: FileHandle, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, READ_BYTES), start + done);
    if (bytesRead === 0) throw malformed('the file became shorter while it was read');
    done += bytesRead;
  }
  return bytes;
}

function naming(path: string, error: unknown): unknown {
  return error instanceof ArtifactError ? new ArtifactError(error.code, `${path}: ${error.message}`) : error;
}
