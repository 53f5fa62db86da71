/**
 * Activity tasks that gpu-workers of this machine hold, on disk. A worker that was killed cannot say so, and Temporal
 * notices after the heartbeat timeout (30 s); its successor finds the task here and hands it back at once. Where there
 * is no /proc to tell processes by, nothing is noted, and the timeout it is.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A process told apart from every other one, also of other machines, containers and boots. */
interface Holder {
  /** Boot of the machine and process-id namespace: only within one of them do pids mean anything. */
  readonly place: string;
  readonly pid: number;
  /** In clock ticks since the boot. */
  readonly startTime: string;
}

interface HeldTask {
  readonly holder: Holder;
  /** Base64. */
  readonly taskToken: string;
}

const SUFFIX = '.json';

export class HeldTasks {
  constructor(private readonly directory: string) {}

  /** Notes that this process works at the task, for as long as `work` takes. */
  async during<T>(taskToken: Uint8Array, work: () => Promise<T>): Promise<T> {
    const holder = await identify(process.pid);
    if (holder === null) return work();
    const file = join(this.directory, `${randomUUID()}${SUFFIX}`);
    const task: HeldTask = {
      holder,
      taskToken: Buffer.from(taskToken).toString('base64'),
    };
    await mkdir(this.directory, { recursive: true });
    await writeFile(`${file}.tmp`, JSON.stringify(task), { mode: 0o600 });
    await rename(`${file}.tmp`, file);
    try {
      return await work();
    } finally {
      await rm(file, { force: true });
    }
  }

  /**
   * Gives `handBack` the token of each task whose holder has ended; after that it counts as held no more. Tasks of
   * other machines and containers are left alone: whether their holders live cannot be seen from here.
   */
  async handBackOfTheDead(handBack: (taskToken: Uint8Array) => Promise<void>): Promise<number> {
    const place = await placeOfThis();
    if (place === null) return 0;
    let count = 0;
    for (const name of await this.names()) {
      const file = join(this.directory, name);
      const { holder, taskToken } = JSON.parse(await readFile(file, 'utf8')) as HeldTask;
      if (holder.place !== place || (await startTimeOf(holder.pid)) === holder.startTime) continue;
      await handBack(Buffer.from(taskToken, 'base64'));
      await rm(file, { force: true });
      count += 1;
    }
    return count;
  }

  private async names(): Promise<string[]> {
    try {
      return (await readdir(this.directory)).filter((name) => name.endsWith(SUFFIX)).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }
}

async function identify(pid: number): Promise<Holder | null> {
  const place = await placeOfThis();
  const startTime = await startTimeOf(pid);
  return place === null || startTime === null ? null : { place, pid, startTime };
}

/** Null without /proc. */
async function placeOfThis(): Promise<string | null> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return `${boot.trim()} ${await readlink('/proc/self/ns/pid')}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Null when there is no such process, or only what is left of one that ended. */
async function startTimeOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may itself contain blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}
