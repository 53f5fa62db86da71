import { COMPUTE_NODE_FLAGS, computeEnvironment } from '@plumbline/config';
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type {
  CommitMessage,
  EndMessage,
  FromChild,
  ProgressMessage,
  StartMessage,
  ToChild,
} from './protocol.js';

const CHILD = fileURLToPath(new URL('./compute-child.js', import.meta.url));

/** The computation reported an error: tried again, it would come again. */
export class ComputeError extends Error {
  constructor(
    readonly errorName: string,
    message: string,
    readonly transient: boolean,
    stack: string,
  ) {
    super(message);
    this.name = 'ComputeError';
    this.stack = stack;
  }
}

/** The child went away without a word: killed, or out of memory. The next attempt continues from the last commit. */
export class ComputeProcessLostError extends Error {
  constructor(code: number | null, signal: NodeJS.Signals | null) {
    super(`the TensorFlow process ended early (${signal ?? `exit code ${code}`})`);
    this.name = 'ComputeProcessLostError';
  }
}

export interface ComputeListener {
  onProgress(message: ProgressMessage): void;
  /** Makes a checkpoint durable; a rejection ends the computation. */
  onCommit(message: CommitMessage): Promise<{ pauseRequested: boolean }>;
}

/**
 * Runs one step in a TensorFlow process of its own and resolves with its end.
 * @throws ComputeError, ComputeProcessLostError, what `onCommit` throws, or the signal's reason when aborted
 */
export async function runComputeProcess(
  start: StartMessage,
  listener: ComputeListener,
  signal: AbortSignal,
): Promise<EndMessage> {
  signal.throwIfAborted();
  const child = fork(CHILD, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: computeEnvironment(),
    execArgv: [...process.execArgv, ...COMPUTE_NODE_FLAGS],
  });
  try {
    return await converse(child, start, listener, signal);
  } finally {
    await stop(child);
  }
}

function converse(
  child: ChildProcess,
  start: StartMessage,
  listener: ComputeListener,
  signal: AbortSignal,
): Promise<EndMessage> {
  return new Promise((resolve, reject) => {
    const say = (message: ToChild) => {
      if (child.connected) child.send(message);
    };
    const hear = (message: FromChild) => {
      switch (message.kind) {
        case 'progress':
          listener.onProgress(message);
          return;
        case 'commit':
          listener
            .onCommit(message)
            .then(({ pauseRequested }) => say({ kind: 'committed', pauseRequested }), reject);
          return;
        case 'end':
          resolve(message);
          return;
        case 'failed':
          reject(new ComputeError(message.name, message.message, message.transient, message.stack));
          return;
        default:
          message satisfies never;
      }
    };
    child.on('message', hear);
    child.once('error', reject);
    child.once('exit', (code, exitSignal) => reject(new ComputeProcessLostError(code, exitSignal)));
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    say(start);
  });
}

/** Ends the child, by force: whatever it has not committed is computed again. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}
