/** Exit codes that scripts rely on. */
export const FAILED = 1;
export const WRONG_USE = 2;

/** A command cannot do what it was asked for; the message is all that people are shown. */
export class CommandError extends Error {
  constructor(
    readonly exitCode: typeof FAILED | typeof WRONG_USE,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CommandError';
  }
}
