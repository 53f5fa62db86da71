import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A process told apart from a later one that was given the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When the kernel says that it started; comparable on one machine and boot only. Null where it cannot be read. */
  readonly startTime: string | null;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A zombie has ended: it only waits for its parent to look. */
async function isRunning(pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const fields = await readStat(pid);
  return fields === null || fields[0] !== 'Z';
}

/** The fields of /proc/PID/stat from the third (state) on; null without /proc or without the process. */
async function readStat(pid: number): Promise<string[] | null> {
  try {
    const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may itself contain blanks and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** Boot-relative start time on Linux, `ps` elsewhere; null when there is no such process. */
export async function startTimeOf(pid: number): Promise<string | null> {
  const fields = await readStat(pid);
  if (fields) return fields[19] ?? null;
  if (process.platform === 'linux') return null;
  try {
    const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

export async function identify(pid: number): Promise<ProcessIdentity> {
  return { pid, startTime: await startTimeOf(pid) };
}

/** Whether that very process (and not another with its number) still runs. */
export async function isStillRunning(identity: ProcessIdentity): Promise<boolean> {
  if (!(await isRunning(identity.pid))) return false;
  return identity.startTime === null || (await startTimeOf(identity.pid)) === identity.startTime;
}

/** The command line with blanks between arguments; null when there is no such process. */
export async function commandLineOf(pid: number): Promise<string | null> {
  try {
    const line = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8');
    return line.replaceAll('\0', ' ').trim();
  } catch {
    if (process.platform === 'linux') return null;
  }
  try {
    const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]);
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

/**
 * Processes started with `name=value` in their environment. Children inherit it, so this finds what an unclean end
 * left behind, however deep. Empty where there is no /proc.
 */
export async function processesWithEnvironment(name: string, value: string): Promise<number[]> {
  const entries = await readdir('/proc').catch(() => []);
  const wanted = `\0${name}=${value}\0`;
  const found: number[] = [];
  for (const entry of entries) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const environment = await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '');
    if (`\0${environment}`.includes(wanted) && (await isRunning(pid))) found.push(pid);
  }
  return found;
}

/** Resolves true once the process has ended, false when it still runs after `timeoutMs`. */
export async function waitForEnd(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (await isStillRunning(identity)) {
    if (Date.now() >= deadline) return false;
    await sleep(25);
  }
  return true;
}

export interface StopOptions {
  /** Asks for an orderly end; the process alone gets it and ends its own children. */
  readonly signal?: NodeJS.Signals;
  /** Time for the orderly end before the whole group is killed. */
  readonly graceMs?: number;
}

/** Stops a process, orderly and then by force, together with its group. Resolves when it is gone. */
export async function stopProcess(identity: ProcessIdentity, options: StopOptions = {}): Promise<void> {
  const { signal = 'SIGTERM', graceMs = 10_000 } = options;
  if (!(await isStillRunning(identity))) return;
  send(identity.pid, signal);
  if (!(await waitForEnd(identity, graceMs))) {
    send(identity.pid, 'SIGKILL');
    if (!(await waitForEnd(identity, 10_000)))
      throw new Error(`process ${String(identity.pid)} does not end, not even by SIGKILL`);
  }
  killGroup(identity.pid);
}

/** Ends by force what the leader of a process group left behind. Only for a leader that has just ended. */
export function killGroup(leader: number): void {
  send(-leader, 'SIGKILL');
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    // It has ended since we looked.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
