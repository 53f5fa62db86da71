export type ArtifactErrorCode = 'missing' | 'corrupted' | 'malformed' | 'invalid-id';

/** A stored object that cannot be used; the message names it. */
export class ArtifactError extends Error {
  constructor(
    readonly code: ArtifactErrorCode,
    message: string,
  ) {
    super(message);
    this.name = 'ArtifactError';
  }
}
