/** A model directory that cannot be used as it is; the message says in one line which file, what in it, and why. */
export class ModelFormatError extends Error {
  override readonly name = 'ModelFormatError';

  /** @param message may quote the file: its line breaks become spaces. */
  constructor(message: string, options?: ErrorOptions) {
    super(message.replace(/\s*\n\s*/g, ' '), options);
  }
}
