/** Set-up cannot go on; the message says what the person at the keyboard can do. */
export class SetUpError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'SetUpError';
  }
}

/** Runs a tool's main function: expected failures are one message and exit code 1, surprises keep their stack. */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof SetUpError ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}
