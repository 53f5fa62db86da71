import { ConfigurationError } from '@plumbline/config';
import { ServicesError } from '@plumbline/services';
import { CommanderError } from 'commander';
import { CommandError, FAILED, WRONG_USE } from './command-error.js';
import { createProgram } from './program.js';

/** Expected failures are one message; a surprise keeps its stack. */
async function main(): Promise<void> {
  try {
    await createProgram().parseAsync(process.argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has said what is wrong; help and version are no failures.
      process.exitCode = error.exitCode === 0 ? 0 : WRONG_USE;
    } else if (error instanceof ConfigurationError) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = WRONG_USE;
    } else if (error instanceof CommandError) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = error.exitCode;
    } else {
      const expected = error instanceof ServicesError;
      process.stderr.write(`${expected ? error.message : String((error as Error).stack ?? error)}\n`);
      process.exitCode = FAILED;
    }
  }
}

await main();
