/** Writes protocol-buffer messages (https://protobuf.dev/programming-guides/encoding): what a SavedModel takes, no more. */

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** A message under construction; fields are written in the order of the calls. */
export class Message {
  private readonly parts: Uint8Array[] = [];

  /** An integer, enumeration or boolean field. @param value a safe integer; negative ones take ten bytes. */
  integer(field: number, value: number | boolean): this {
    return this.raw(varint(field * 8 + VARINT), varint(Number(value)));
  }

  /** A 32-bit float field. */
  float(field: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    return this.raw(varint(field * 8 + FIXED_32), bytes);
  }

  /** A string, bytes or submessage field. */
  bytes(field: number, value: string | Uint8Array | Message): this {
    const bytes =
      value instanceof Message ? value.encode() : typeof value === 'string' ? Buffer.from(value) : value;
    return this.raw(varint(field * 8 + LENGTH_DELIMITED), varint(bytes.length), bytes);
  }

  /** A repeated integer field, packed. */
  integers(field: number, values: readonly number[]): this {
    return this.bytes(field, Buffer.concat(values.map(varint)));
  }

  /** One entry of a map field. */
  entry(field: number, key: string, value: string | Message): this {
    return this.bytes(field, new Message().bytes(1, key).bytes(2, value));
  }

  encode(): Uint8Array {
    return Buffer.concat(this.parts);
  }

  private raw(...parts: Uint8Array[]): this {
    this.parts.push(...parts);
    return this;
  }
}

/** Seven bits a byte, least significant first; negative numbers as 64-bit two's complement. */
function varint(value: number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}
