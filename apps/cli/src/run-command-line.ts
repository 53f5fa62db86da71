import { ConfigurationError, EnvironmentError } from '@plumbline/config';
import { ServicesError } from '@plumbline/services';
import { CommanderError } from 'commander';
import { CommandError, FAILED, WRONG_USE } from './command-error.js';
import { createProgram } from './program.js';

/**
 * Runs one command to its end. What is expected to go wrong is one message on stderr; a surprise keeps its stack.
 *
 * @param args what follows `plumbline`
 * @returns the exit code: 0 done, 1 failed, 2 wrong use or bad input
 */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  process.exitCode = 0;
  try {
    await createProgram().parseAsync(args, { from: 'user' });
    return process.exitCode;
  } catch (error) {
    // Commander has said itself what is wrong; asking for help is no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USE;
    const { code, message } = explain(error);
    process.stderr.write(`${message}\n`);
    return code;
  }
}

function explain(error: unknown): { code: number; message: string } {
  if (error instanceof ConfigurationError || error instanceof EnvironmentError) {
    return { code: WRONG_USE, message: error.message };
  }
  if (error instanceof CommandError) return { code: error.exitCode, message: error.message };
  if (error instanceof ServicesError) return { code: FAILED, message: error.message };
  if (isSystemError(error)) return { code: FAILED, message: error.message };
  return { code: FAILED, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Of the file system: no permission, not a directory, no space. The message says which file. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}
