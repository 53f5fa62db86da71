import { createWriteStream } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identify, spawnLaunch, stopProcess, type Launch } from '@plumbline/services';

export interface TestProcess {
  /** Resolves when it has ended. */
  stop(): Promise<void>;
  /** Throws, with the end of its log, when it has ended by itself. */
  assertRunning(): Promise<void>;
}

/** Starts a server of a test; it is killed with the test process at the latest. */
export async function startTestProcess(
  launch: Launch,
  logFile: string,
  signal: NodeJS.Signals,
): Promise<TestProcess> {
  const child = spawnLaunch(launch, ['ignore', 'pipe', 'pipe']);
  const log = createWriteStream(logFile);
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  let ended: string | null = null;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, by) => (ended = `ended with ${String(code ?? by)}`));
  const { pid } = child;
  const killWithUs = () => {
    if (pid !== undefined && ended === null) process.kill(pid, 'SIGKILL');
  };
  process.once('exit', killWithUs);
  const identity = pid === undefined ? null : await identify(pid);
  return {
    async stop() {
      if (identity !== null) await stopProcess(identity, { signal, graceMs: 5000 });
      process.off('exit', killWithUs);
      log.end();
    },
    async assertRunning() {
      if (ended === null) return;
      const tail = (await readFile(logFile, 'utf8').catch(() => '')).split('\n').slice(-15).join('\n');
      throw new Error(`${launch.command} ${ended}\n${tail}`);
    },
  };
}

/** A temporary folder that other system users may enter, as Postgres does when the tests run as root. */
export async function temporaryFolder(purpose: string): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `plumbline-${purpose}-`));
  await chmod(path, 0o755);
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Runs `attempt` until it succeeds; the process's own end or the deadline ends the wait with an error. */
export async function untilReady(
  process: TestProcess,
  timeoutMs: number,
  attempt: () => Promise<void>,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    await process.assertRunning();
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
  }
}
