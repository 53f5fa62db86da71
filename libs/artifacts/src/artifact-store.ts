import { ArtifactError } from './artifact-error.js';

/** Content-addressed storage: an id is the SHA-256 (hex) of the content, so nothing is ever overwritten. */
export interface ArtifactStore {
  /** Stores the bytes durably and gives their id; storing the same bytes again changes nothing. */
  put(bytes: Uint8Array): Promise<string>;
  /** @throws ArtifactError `missing`, or `corrupted` when the bytes no longer match the id */
  get(id: string): Promise<Buffer>;
  has(id: string): Promise<boolean>;
  /**
   * As `put`, for what is too large to be in memory at once. What fails on the way leaves nothing behind.
   * @returns the id and the size
   */
  putStream(chunks: AsyncIterable<Uint8Array>): Promise<{ readonly id: string; readonly bytes: number }>;
  /**
   * As `get`, a piece at a time. Only the end tells whether the bytes match the id: what was read before an error is not
   * to be relied on.
   */
  getStream(id: string): AsyncIterable<Uint8Array>;
  /** Stores a value as canonical JSON. */
  putJson(value: unknown): Promise<string>;
  /** @throws ArtifactError as `get`, or `malformed` when the content is not JSON */
  getJson<T>(id: string): Promise<T>;
  /**
   * Removes what killed processes left half-written, which is no artifact and never becomes one. Others may be writing
   * now, so only what nobody has touched for `olderThanMs` (default: a day) goes.
   * @returns how many files went
   */
  removeAbandoned(olderThanMs?: number): Promise<number>;
}

const ID = /^[0-9a-f]{64}$/;

/** @throws ArtifactError `invalid-id` */
export function checkArtifactId(id: string): void {
  if (!ID.test(id))
    throw new ArtifactError('invalid-id', `not an artifact id (64 hex digits): ${JSON.stringify(id)}`);
}
