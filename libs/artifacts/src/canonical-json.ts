import { createHash } from 'node:crypto';

/**
 * JSON with sorted keys and no white space, so that equal values have equal bytes (RFC 8785 for the values we store:
 * ECMAScript number formatting, no lone surrogates needed). Refuses what JSON cannot carry instead of dropping it.
 * @throws TypeError naming the path of a non-finite number, a function, a bigint or an undefined array element
 */
export function canonicalJson(value: unknown): string {
  return write(value, '$');
}

function write(value: unknown, path: string): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${path}: ${value} has no JSON form`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map((item, index) => write(item, `${path}[${index}]`)).join(',')}]`;
  }
  if (typeof value === 'object') {
    const record = value as Record<string, unknown>;
    const members = Object.keys(record)
      .filter((key) => record[key] !== undefined)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${write(record[key], `${path}.${key}`)}`);
    return `{${members.join(',')}}`;
  }
  throw new TypeError(`${path}: a ${typeof value} has no JSON form`);
}

/** SHA-256 in lower-case hex; strings are hashed as UTF-8. */
export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}
