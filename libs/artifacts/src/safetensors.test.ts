import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ArtifactError,
  decodeSafetensors,
  encodeSafetensors,
  SafetensorsFile,
  type TensorMap,
} from './index.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plumbline-safetensors-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** A file with this header (JSON text, a value, or bytes) and so many bytes of data, 0, 1, 2, … */
function file(header: unknown, dataBytes: number | Uint8Array): Buffer {
  const json = Buffer.isBuffer(header)
    ? header
    : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const data =
    typeof dataBytes === 'number'
      ? Buffer.from(Array.from({ length: dataBytes }, (_, i) => i % 256))
      : dataBytes;
  return Buffer.concat([length, json, data]);
}

const entry = (start: number, end: number, shape = [(end - start) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [start, end],
});

/** The name is the bytes' own, so that a file may stay open while another is written. */
async function opened(bytes: Uint8Array): Promise<SafetensorsFile> {
  const path = join(directory, `${Math.random()}.safetensors`);
  await writeFile(path, bytes);
  return SafetensorsFile.open(path);
}

const anyTensors: fc.Arbitrary<TensorMap> = fc
  .uniqueArray(
    fc.tuple(
      fc.string({ unit: 'binary', maxLength: 8 }).filter((name) => name !== '__metadata__'),
      fc.oneof(
        fc.float32Array({ maxLength: 20 }).map((data) => ({ dtype: 'F32' as const, data })),
        fc.int32Array({ maxLength: 20 }).map((data) => ({ dtype: 'I32' as const, data })),
      ),
      fc.boolean(),
    ),
    { selector: ([name]) => name, maxLength: 6 },
  )
  .map((tensors) =>
    Object.fromEntries(
      tensors.map(([name, tensor, tall]) => [
        name,
        { ...tensor, shape: tall ? [tensor.data.length, 1, 1] : [tensor.data.length] },
      ]),
    ),
  );

describe('safetensors', () => {
  it('round-trips any tensors bit for bit, whatever their names', () => {
    fc.assert(
      fc.property(anyTensors, (tensors) => {
        const bytes = encodeSafetensors(tensors);
        const decoded = decodeSafetensors(bytes);
        expect(Object.keys(decoded).sort()).toEqual(Object.keys(tensors).sort());
        for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
          expect(decoded[name]).toMatchObject({ dtype, shape });
          expect(Buffer.from(decoded[name]!.data.buffer)).toEqual(
            Buffer.from(data.buffer, data.byteOffset, data.byteLength),
          );
        }
        expect(Buffer.from(encodeSafetensors(decoded)).equals(bytes)).toBe(true);
      }),
    );
    const odd = ['__proto__', 'constructor', '', '10', '9', 'é"\\\n'].map((name) => [
      name,
      { dtype: 'I32' as const, shape: [], data: Int32Array.of(name.length) },
    ]);
    const map = Object.fromEntries(odd) as TensorMap;
    expect(Object.entries(decodeSafetensors(encodeSafetensors(map)))).toEqual(
      expect.arrayContaining(Object.entries(map)),
    );
  });

  it('writes metadata where asked to, and reads over it', async () => {
    const tensors = { a: { dtype: 'F32' as const, shape: [1], data: Float32Array.of(2) } };
    const bytes = encodeSafetensors(tensors, { format: 'pt' });
    expect(decodeSafetensors(bytes)).toEqual(tensors);
    expect((bytes.byteLength - 4) % 8).toBe(0);
    const reader = await opened(bytes);
    expect(reader.header.metadata).toEqual({ format: 'pt' });
    await reader.close();
  });

  it.each([
    ['nothing', Buffer.alloc(0), 'too few'],
    ['a length without a header', Buffer.alloc(8), 'does not begin with {'],
    [
      'a header beyond the file',
      Buffer.concat([Buffer.from([200, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]),
      'does not fit',
    ],
    ['a huge header length', Buffer.alloc(16, 255), 'over 100 MB'],
    [
      'a header just over 100 MB',
      Buffer.concat([Buffer.from([1, 0xe1, 0xf5, 5, 0, 0, 0, 0]), Buffer.from('{"')]),
      'over 100 MB',
    ],
    ['a header that is no JSON', file('{a}', 0), 'not JSON'],
    ['a header that is no object', file('[]', 0), 'does not begin with {'],
    ['white space before the header', file(' {}', 0), 'does not begin with {'],
    ['other padding than spaces', file('{}\n', 0), 'padded with spaces'],
    ['text after the header', file('{} {}', 0), 'not JSON'],
    ['a byte order mark', file('\ufeff{}', 0), 'does not begin with {'],
    ['a header that is no UTF-8', file(Buffer.from('{"\xff":1}', 'latin1'), 0), 'not UTF-8'],
    ['an overlong encoding', file(Buffer.from('{"\xc0\x80":1}', 'latin1'), 0), 'not UTF-8'],
    [
      'half a surrogate pair',
      file('{"\\ud800":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}', 0),
      'no Unicode text',
    ],
    [
      'a tensor twice',
      file(`{"a":${JSON.stringify(entry(0, 4))},"a":${JSON.stringify(entry(0, 4))}}`, 4),
      '"a" occurs twice',
    ],
    [
      'a tensor twice, once escaped',
      file(`{"a":${JSON.stringify(entry(0, 4))},"\\u0061" :${JSON.stringify(entry(4, 8))}}`, 8),
      '"a" occurs twice',
    ],
    [
      'a shape twice',
      file('{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}', 4),
      '"shape" occurs twice',
    ],
    ['metadata twice', file('{"__metadata__":{},"__metadata__":{}}', 0), '"__metadata__" occurs twice'],
    ['a key of the metadata twice', file('{"__metadata__":{"a":"1","a":"2"}}', 0), '"a" occurs twice'],
    ['metadata of numbers', file('{"__metadata__":{"a":1}}', 0), 'object of strings'],
    ['metadata that are a list', file('{"__metadata__":[]}', 0), 'object of strings'],
    ['a hole', file({ a: entry(0, 4), b: entry(8, 12) }, 12), 'expected 4'],
    ['a hole at the start', file({ a: entry(4, 8) }, 8), 'expected 0'],
    ['an overlap', file({ a: entry(0, 8), b: entry(4, 12) }, 12), 'expected 8'],
    ['the same bytes twice', file({ a: entry(0, 4), b: entry(0, 4) }, 4), 'expected 4'],
    ['trailing bytes', file({ a: entry(0, 4) }, 5), '1 bytes follow'],
    ['data without tensors', file({}, 3), '3 bytes follow'],
    ['missing bytes', file({ a: entry(0, 8) }, 7), 'beyond the file'],
    ['a span that does not fit its shape', file({ a: entry(0, 8, [3]) }, 8), 'do not fit its shape of 12'],
    [
      'a span that ends before it starts',
      file({ a: { ...entry(0, 0), data_offsets: [8, 4] } }, 8),
      'do not fit',
    ],
    ['an overflowing shape', file({ a: entry(0, 8, [2 ** 40, 2 ** 40]) }, 8), 'overflows'],
    ['a shape whose bytes overflow', file({ a: entry(0, 8, [2 ** 52]) }, 8), 'overflows'],
    ['a negative size', file({ a: entry(0, 4, [-1, -1]) }, 4), 'no count'],
    [
      'a size beyond exact integers',
      file('{"a":{"dtype":"F32","shape":[9007199254740993,0],"data_offsets":[0,0]}}', 0),
      'no count',
    ],
    ['a fraction of a size', file({ a: entry(0, 4, [0.5, 2]) }, 4), 'no count'],
    ['a size in words', file('{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}', 4), 'no count'],
    ['negative offsets', file({ a: { ...entry(0, 4), data_offsets: [-4, 0] } }, 4), 'no data_offsets'],
    ['three offsets', file({ a: { ...entry(0, 4), data_offsets: [0, 4, 4] } }, 4), 'no data_offsets'],
    ['no offsets', file({ a: { dtype: 'F32', shape: [1] } }, 4), 'no data_offsets'],
    ['no shape', file({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), 'no shape'],
    ['an unknown type', file({ a: { ...entry(0, 4), dtype: 'F7' } }, 4), 'unknown type "F7"'],
    ['a type every object has', file({ a: { ...entry(0, 4), dtype: 'toString' } }, 4), 'unknown type'],
    [
      'a type that is a list',
      file(`{"a":{"dtype":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`, 0),
      'no dtype',
    ],
    ['an unknown key', file({ a: { ...entry(0, 4), strides: [1] } }, 4), 'unknown key "strides"'],
    ['a tensor that is a number', file({ a: 1 }, 0), 'no description'],
    ['a tensor that is null', file({ a: null }, 0), 'no description'],
    [
      'a type our checkpoints never have',
      file({ a: { ...entry(0, 4, [2]), dtype: 'F16' } }, 4),
      'unsupported type F16',
    ],
  ])('refuses %s', async (_, bytes, reason) => {
    expect(() => decodeSafetensors(bytes)).toThrow(ArtifactError);
    expect(() => decodeSafetensors(bytes)).toThrow(reason);
    if (reason.startsWith('unsupported type')) return; // other programs' files may have it
    await expect(opened(bytes)).rejects.toThrow(reason);
  });

  it('takes tensors in any order of the header, empty ones and scalars', () => {
    const header = {
      b: entry(4, 12),
      none: { ...entry(4, 4), shape: [3, 0] },
      a: { ...entry(0, 4), shape: [] },
      last: { ...entry(12, 12), shape: [0] },
    };
    const bytes = file(header, 12);
    const { a, b, none } = decodeSafetensors(bytes);
    expect(a).toMatchObject({ shape: [] });
    expect(Buffer.from(b!.data.buffer)).toEqual(bytes.subarray(-8));
    expect(none).toMatchObject({ shape: [3, 0], data: new Float32Array() });
  });

  it('says of files of other formats what they are', async () => {
    const zip = (name: string) => {
      const start = Buffer.alloc(30);
      start.write('PK\x03\x04');
      start.writeUInt16LE(name.length, 26);
      return Buffer.concat([start, Buffer.from(name), Buffer.alloc(40)]);
    };
    const tar = Buffer.alloc(512);
    tar.write('ustar', 257);
    const files: readonly (readonly [Uint8Array, RegExp])[] = [
      [zip('archive/data.pkl'), /PyTorch checkpoint \(.bin.*pickle.*never opened/],
      [zip('pytorch_model/data.pkl'), /PyTorch checkpoint/],
      [zip('wte.npy'), /NumPy archive/],
      [zip('readme.txt'), /zip archive/],
      [
        Buffer.from('\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M', 'latin1'),
        /PyTorch.*old kind.*pickle/,
      ],
      [Buffer.from('\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94.', 'latin1'), /a pickle/],
      [Buffer.from('\x80\x02}q\x00.', 'latin1'), /a pickle/],
      [Buffer.from('GGUF\x03\0\0\0\0\0\0\0'), /GGUF/],
      [Buffer.from('\x89HDF\r\n\x1a\n\0\0\0\0', 'latin1'), /HDF5/],
      [Buffer.from('\x93NUMPY\x01\0v\0{', 'latin1'), /NumPy array/],
      [Buffer.from('\x08\x07\x12\x07pytorch', 'latin1'), /ONNX/],
      [Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n'), /Git LFS pointer/],
      [Buffer.from('<!DOCTYPE html><html>404</html>'), /HTML/],
      [Buffer.from('{"metadata": {"total_size": 5}, "weight_map": {}}'), /JSON text/],
      [Buffer.from('[\n  1, 2, 3, 4, 5\n]'), /JSON text/],
      [Buffer.from('\x1f\x8b\x08\0\0\0\0\0\0\0', 'latin1'), /gzip/],
      [tar, /tar archive/],
      [Buffer.from('\x1c\0\0\0TFL3\0\0\0\0', 'latin1'), /TensorFlow Lite/],
      [Buffer.from('\xdf\x00\x00\x00\x01\xabtransformer', 'latin1'), /Flax/],
    ];
    for (const [bytes, reason] of files) {
      expect(() => decodeSafetensors(bytes)).toThrow(ArtifactError);
      expect(() => decodeSafetensors(bytes)).toThrow(reason);
      await expect(opened(bytes)).rejects.toThrow(reason);
    }
  });
});

describe('safetensors under fire', () => {
  /** An ArtifactError, or tensors that are exactly the file's bytes: nothing else may come of any input. */
  function checkOutcome(bytes: Uint8Array): void {
    let tensors: TensorMap;
    try {
      tensors = decodeSafetensors(bytes);
    } catch (error) {
      if (!(error instanceof ArtifactError)) throw error;
      expect(error.code).toBe('malformed');
      expect(error.message.length).toBeLessThan(500);
      return;
    }
    const headerBytes = Number(Buffer.from(bytes).readBigUInt64LE(0));
    const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + headerBytes)).toString('utf8')) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    const data = bytes.subarray(8 + headerBytes);
    const described = Object.entries(header).filter(([name]) => name !== '__metadata__');
    expect(Object.keys(tensors).sort()).toEqual(described.map(([name]) => name).sort());
    let covered = 0;
    for (const [name, { dtype, shape, data_offsets: span }] of described) {
      const tensor = tensors[name]!;
      expect(tensor).toMatchObject({ dtype, shape });
      expect(tensor.data.length).toBe(shape.reduce((a, b) => a * b, 1));
      expect(Buffer.from(tensor.data.buffer).equals(data.subarray(...span))).toBe(true);
      covered += span[1] - span[0];
    }
    expect(covered).toBe(data.byteLength);
  }

  const mutation = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at: fc.nat(), byte: fc.nat(255) }),
    fc.record({
      kind: fc.constant('flip' as const),
      at: fc.nat(),
      byte: fc.constantFrom(1, 2, 4, 8, 16, 32, 64, 128),
    }),
    fc.record({ kind: fc.constant('insert' as const), at: fc.nat(), byte: fc.nat(255) }),
    fc.record({ kind: fc.constant('delete' as const), at: fc.nat(), byte: fc.nat(40) }),
    fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(), byte: fc.nat(40) }),
  );

  it('mutated files', () => {
    fc.assert(
      fc.property(
        anyTensors,
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (tensors, mutations, fix) => {
          let bytes = [...encodeSafetensors(tensors, fix ? { format: 'pt' } : undefined)];
          for (const { kind, at, byte } of mutations) {
            const index = at % (bytes.length + 1);
            if (kind === 'set') bytes[index] = byte;
            else if (kind === 'flip') bytes[index] = (bytes[index] ?? 0) ^ byte;
            else if (kind === 'insert') bytes.splice(index, 0, byte);
            else if (kind === 'delete') bytes.splice(index, byte);
            else bytes = [...bytes.slice(0, index + byte), ...bytes.slice(index)];
          }
          checkOutcome(Uint8Array.from(bytes));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('random bytes, alone and behind a plausible length', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), checkOutcome), { numRuns: 500 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (header, data) => {
        checkOutcome(file(Buffer.concat([Buffer.from('{'), header]), data));
      }),
      { numRuns: 500 },
    );
  });

  it('headers that say anything', () => {
    const number = fc.oneof(
      fc.nat(16),
      fc.integer(),
      fc.double(),
      fc.constantFrom(2 ** 31, 2 ** 53 - 1, 2 ** 53),
    );
    const described = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom('F32', 'I32', 'F16', 'U8', 'I64'), fc.jsonValue()),
        shape: fc.oneof(
          fc.array(fc.nat(3), { maxLength: 3 }),
          fc.array(number, { maxLength: 3 }),
          fc.jsonValue(),
        ),
        data_offsets: fc.oneof(
          fc.tuple(fc.nat(4), fc.nat(6)).map(([a, b]) => [4 * a, 4 * b]),
          fc.jsonValue(),
        ),
      },
      { requiredKeys: [] },
    );
    const header = fc.dictionary(
      fc.oneof(fc.constantFrom('a', 'b', '__metadata__', '__proto__'), fc.string()),
      fc.oneof(described, fc.jsonValue()),
      { maxKeys: 3 },
    );
    fc.assert(
      fc.property(header, fc.nat(8), (members, words) => {
        checkOutcome(file(members, 4 * words));
      }),
      { numRuns: 3000 },
    );
  });
});

describe('a file of another program', () => {
  const half = (bits: readonly number[]) => new Uint8Array(Uint16Array.from(bits).buffer);

  it('gives F16 and BF16 exactly', async () => {
    const every = half(Array.from({ length: 65_536 }, (_, bits) => bits));
    const header = (dtype: string) => ({ a: { dtype, shape: [65_536], data_offsets: [0, 131_072] } });
    const [float16, bfloat16] = await Promise.all(
      ['F16', 'BF16'].map(async (dtype) => {
        const reader = await opened(file(header(dtype), every));
        const { data } = await reader.read('a');
        await reader.close();
        return data;
      }),
    );
    // IEEE 754's own examples of binary16, and of binary32 for the upper halves that bfloat16 keeps.
    for (const [bits, value] of [
      [0x0000, 0],
      [0x8000, -0],
      [0x0001, 2 ** -24],
      [0x03ff, 0.000060975551605224609375],
      [0x0400, 2 ** -14],
      [0x3555, 0.333251953125],
      [0x3c00, 1],
      [0x3c01, 1.0009765625],
      [0xc000, -2],
      [0x7bff, 65_504],
      [0x7c00, Infinity],
      [0xfc00, -Infinity],
      [0x7e00, NaN],
    ] as const) {
      expect(float16![bits], bits.toString(16)).toBe(value);
    }
    for (const [bits, value] of [
      [0x0000, 0],
      [0x8000, -0],
      [0x0001, 2 ** -133],
      [0x3f80, 1],
      [0x4049, 3.140625],
      [0xc2f7, -123.5],
      [0x7f7f, 3.3895313892515355e38],
      [0x7f80, Infinity],
      [0x7fc0, NaN],
    ] as const) {
      expect(bfloat16![bits], bits.toString(16)).toBe(value);
    }
    // Both orders are those of the numbers, so nothing between the examples is out of place.
    for (const values of [float16!.subarray(0, 0x7c01), bfloat16!.subarray(0, 0x7f81)]) {
      for (let i = 1; i < values.length; i++) expect(values[i]! > values[i - 1]!).toBe(true);
    }
  });

  it('may hold types that are not read, and says so where they are asked for', async () => {
    const header = {
      'attn.bias': { dtype: 'BOOL', shape: [4], data_offsets: [0, 4] },
      double: { dtype: 'F64', shape: [1], data_offsets: [4, 12] },
      w: entry(12, 16),
    };
    const reader = await opened(file(header, 16));
    expect((await reader.read('w')).shape).toEqual([1]);
    await expect(reader.read('double')).rejects.toThrow(
      /safetensors: tensor "double": weights of type F64 are not read/,
    );
    await expect(reader.read('other')).rejects.toThrow(/no tensor "other"/);
    await reader.close();
  });

  it('is named in errors', async () => {
    const path = join(directory, 'broken.safetensors');
    await writeFile(path, 'no weights at all');
    await expect(SafetensorsFile.open(path)).rejects.toThrow(path);
    await expect(SafetensorsFile.open(directory)).rejects.toThrow('not a file');
    await expect(SafetensorsFile.open(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
