import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isStillRunning, type ProcessIdentity } from './process-control.js';
import { ServicesError } from './services-error.js';

/**
 * Runs `work` while no other process holds the same lock file. A lock whose holder has died is taken over.
 *
 * @param onWait called once when somebody else holds it
 * @throws ServicesError `already-changing` when it is still held after `timeoutMs`
 */
export async function withHomeLock<T>(
  file: string,
  options: { timeoutMs: number; onWait?: () => void },
  work: () => Promise<T>,
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const deadline = Date.now() + options.timeoutMs;
  const me = await identify(process.pid);
  let told = false;
  while (!take(file, me)) {
    const holder = readHolder(file);
    if (holder && !(await isStillRunning(holder))) {
      dropStale(file, holder);
      continue;
    }
    if (Date.now() >= deadline)
      throw new ServicesError(
        'already-changing',
        `another plumbline command (process ${String(holder?.pid ?? '?')}) is starting or stopping the services`,
      );
    if (!told) options.onWait?.();
    told = true;
    await sleep(100);
  }
  const release = () => {
    rmSync(file, { force: true });
  };
  process.once('exit', release);
  try {
    return await work();
  } finally {
    release();
    process.off('exit', release);
  }
}

/** A hard link appears whole or not at all, so a lock always names its holder. */
function take(file: string, me: ProcessIdentity): boolean {
  const mine = `${file}.${String(me.pid)}`;
  writeFileSync(mine, JSON.stringify(me));
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

function readHolder(file: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
  } catch {
    return null;
  }
}

/** Moved aside before it is deleted: another process may have taken it over between our look and our move. */
function dropStale(file: string, stale: ProcessIdentity): void {
  const aside = `${file}.${String(process.pid)}.stale`;
  try {
    renameSync(file, aside);
    const moved = readHolder(aside);
    if (moved?.pid !== stale.pid || moved.startTime !== stale.startTime) linkSync(aside, file);
  } catch {
    // Another waiting process was faster.
  } finally {
    rmSync(aside, { force: true });
  }
}
