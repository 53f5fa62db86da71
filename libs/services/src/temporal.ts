import { execFile } from 'node:child_process';
import { access, mkdir, constants } from 'node:fs/promises';
import { connect } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Launch } from './launch.js';
import { LOOPBACK } from './ports.js';
import { ServicesError } from './services-error.js';

const run = promisify(execFile);

export interface TemporalOptions {
  /** PLUMBLINE_HOME, where bootstrap puts the binary if there is none on PATH. */
  readonly home: string;
  readonly port: number;
  /** SQLite file that outlives a restart; null keeps everything in memory. */
  readonly file: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The `temporal` command: on PATH, else in PLUMBLINE_HOME/bin. @throws ServicesError `binary-missing` */
export async function findTemporal(home: string, searchPath: string): Promise<string> {
  const directories = [...searchPath.split(delimiter).filter(Boolean), join(home, 'bin')];
  for (const directory of directories) {
    const candidate = join(directory, process.platform === 'win32' ? 'temporal.exe' : 'temporal');
    const usable = await access(candidate, constants.X_OK)
      .then(() => run(candidate, ['--version'], { timeout: 20_000 }))
      .then(
        () => true,
        () => false,
      );
    if (usable) return candidate;
  }
  throw new ServicesError(
    'binary-missing',
    `no \`temporal\` command on PATH or in ${join(home, 'bin')}; run \`npm run bootstrap\`, or set TEMPORAL_ADDRESS to a server of your own`,
  );
}

/** How to launch a Temporal development server on 127.0.0.1; it is stopped by SIGTERM. */
export async function prepareTemporal(options: TemporalOptions): Promise<Launch> {
  const command = await findTemporal(options.home, options.env['PATH'] ?? '');
  if (options.file !== null) await mkdir(dirname(options.file), { recursive: true });
  return {
    command,
    args: [
      'server',
      'start-dev',
      '--headless',
      '--ip',
      LOOPBACK,
      '--port',
      String(options.port),
      '--log-level',
      'warn',
      ...(options.file === null ? [] : ['--db-filename', options.file]),
    ],
    env: options.env,
  };
}

/** Resolves when the server accepts connections. @throws ServicesError `not-ready` */
export async function waitForTemporal(address: string, timeoutMs: number): Promise<void> {
  const [host = LOOPBACK, port = '7233'] = address.split(':');
  const deadline = Date.now() + timeoutMs;
  while (!(await accepts(host, Number(port)))) {
    if (Date.now() >= deadline)
      throw new ServicesError(
        'not-ready',
        `Temporal at ${address} does not answer after ${String(timeoutMs / 1000)} s`,
      );
    await sleep(100);
  }
}

/** Whether something accepts TCP connections there. */
export function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => {
      answer(true);
    });
    socket.once('timeout', () => {
      answer(false);
    });
    socket.once('error', () => {
      answer(false);
    });
  });
}
