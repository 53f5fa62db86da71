/** A model directory that cannot be used as it is; the message says which file, what in it, and why. */
export class ModelFormatError extends Error {
  override readonly name = 'ModelFormatError';
}
