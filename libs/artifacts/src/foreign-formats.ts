/** Recognises files that are kept where weights are expected and are not safetensors, by their first bytes. */

/** Bytes of a file's start that `foreignFormat` wants to see. */
export const FORMAT_BYTES = 512;

const PICKLE = 'pickle is a program that runs when it is read, so it is never opened';

/** Signatures at the start of a file, the longer of two that share bytes first. */
const SIGNATURES: readonly (readonly [signature: string, format: string])[] = [
  ['\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.', `a PyTorch checkpoint of the old kind; ${PICKLE}`],
  ['\x89HDF\r\n\x1a\n', 'an HDF5 file (Keras or TensorFlow weights)'],
  ['\x93NUMPY', 'a NumPy array (.npy)'],
  ['GGUF', 'a GGUF file (llama.cpp)'],
  ['ggml', 'a GGML file (llama.cpp)'],
  ['lmgg', 'a GGML file (llama.cpp)'],
  ['fmgg', 'a GGML file (llama.cpp)'],
  ['tjgg', 'a GGML file (llama.cpp)'],
  [
    'version https://git-lfs',
    'a Git LFS pointer: the file itself was not downloaded (`git lfs pull` fetches it)',
  ],
  ['\x1f\x8b', 'a gzip file'],
  ['\x28\xb5\x2f\xfd', 'a Zstandard file'],
  ['\xfd7zXZ\0', 'an xz file'],
  ['BZh', 'a bzip2 file'],
  ['7z\xbc\xaf\x27\x1c', 'a 7-Zip archive'],
  ['%PDF', 'a PDF'],
];

/**
 * What the file is, as in "the file is …", when it begins like something known; null when it does not. A start that may
 * be safetensors (a plausible header length, then `{`) is never taken for anything else.
 */
export function foreignFormat(start: Uint8Array): string | null {
  const bytes = Buffer.from(start.buffer, start.byteOffset, Math.min(start.byteLength, FORMAT_BYTES));
  if (looksLikeSafetensors(bytes)) return null;
  const text = bytes.toString('latin1');
  const known = SIGNATURES.find(([signature]) => text.startsWith(signature));
  if (known) return known[1];
  if (text.startsWith('PK\x03\x04')) return zipFormat(bytes);
  if (text.slice(257, 262) === 'ustar') return 'a tar archive';
  if (text.slice(4, 8) === 'TFL3') return 'a TensorFlow Lite model';
  if (/^\x80[\x02-\x05]/.test(text)) return `a pickle (such as a PyTorch .bin); ${PICKLE}`;
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) return 'an HTML or XML page, as a failed download leaves it';
  if (/^(\xef\xbb\xbf)?\s*[[{]\s*(["\]}[{\d-]|$)/.test(text)) return 'JSON text';
  if (/^\x08[\x01-\x0f][\x12:B]/.test(text)) return 'an ONNX model or another protocol buffer';
  if (/^[\x81-\x8f\xde\xdf]/.test(text) && /params|transformer/.test(text))
    return 'a msgpack file (Flax weights)';
  return null;
}

function looksLikeSafetensors(bytes: Buffer): boolean {
  return bytes.length >= 9 && bytes[8] === 0x7b && bytes.readBigUInt64LE(0) <= 100_000_000n;
}

/** Zip archives are told apart by the name of their first entry. */
function zipFormat(bytes: Buffer): string {
  const nameLength = bytes.length >= 30 ? bytes.readUInt16LE(26) : 0;
  const name = bytes.toString('latin1', 30, 30 + nameLength);
  if (name.endsWith('.npy')) return 'a NumPy archive (.npz)';
  if (/\/(data\.pkl|version|byteorder|\.format_version|constants\.pkl)$|\.pkl$/.test(name)) {
    return `a PyTorch checkpoint (.bin or .pt, a zip with a pickle in it); ${PICKLE}`;
  }
  return 'a zip archive (such as a PyTorch .bin or a NumPy .npz)';
}
