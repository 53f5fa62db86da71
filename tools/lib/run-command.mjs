import { spawn } from 'node:child_process';

/** A command that ended badly; `output` is everything it said. */
export class CommandError extends Error {
  constructor(command, how, output) {
    super(`\`${command}\` ${how}\n${lastLines(output, 30)}`);
    this.name = 'CommandError';
    this.output = output;
  }
}

/**
 * Runs a command to its end and keeps what it says.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number, onLine?: (line: string) => void }} [options]
 *   onLine is given each line of stdout and stderr as it comes
 * @returns {Promise<string>} stdout and stderr together
 * @throws CommandError
 */
export function runCommand(command, args, { cwd, env, timeoutMs, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const shown = [command, ...args].join(' ');
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
    let output = '';
    let rest = '';
    const take = (chunk) => {
      const text = chunk.toString();
      output += text;
      if (!onLine) return;
      const lines = (rest + text).split(/[\r\n]+/);
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim()) onLine(line.trim());
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', (error) =>
      reject(new CommandError(shown, `could not be started: ${error.message}`, output)),
    );
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(
          new CommandError(shown, signal ? `ended by ${signal}` : `failed with exit code ${code}`, output),
        );
    });
  });
}

/** @param {string} text @param {number} count */
export function lastLines(text, count) {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

/** Whether a command runs at all. */
export function works(command, args, options = {}) {
  return runCommand(command, args, { timeoutMs: 30_000, ...options }).then(
    () => true,
    () => false,
  );
}
