import { spawn } from 'node:child_process';
import type { Launch } from './launch.js';
import type { BoundedLog } from './bounded-log.js';
import { ServicesError } from './services-error.js';

/**
 * Runs a program to its end, its output going to the log.
 * @throws ServicesError with its last lines when it fails
 */
export function runToEnd(launch: Launch, what: string, log: BoundedLog, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(launch.command, launch.args, {
      cwd: launch.cwd,
      env: launch.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    });
    let output = '';
    const take = (chunk: Buffer) => {
      log.write(chunk);
      output = (output + chunk.toString()).slice(-4000);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', (code, by) => {
      if (code === 0) resolve();
      else
        reject(
          new ServicesError(
            'child-failed',
            `${what} failed (${by ?? `exit code ${String(code)}`}):\n${output.trim().split('\n').slice(-12).join('\n')}`,
          ),
        );
    });
  });
}
