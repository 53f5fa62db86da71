import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HeldTasks } from './held-tasks.js';

const TOKEN = Uint8Array.of(1, 2, 255);

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'plumbline-held-'))));
afterEach(() => rm(directory, { recursive: true }));

async function handedBack(): Promise<number[][]> {
  const tokens: number[][] = [];
  await new HeldTasks(directory).handBackOfTheDead((token) => {
    tokens.push([...token]);
    return Promise.resolve();
  });
  return tokens;
}

/** Rewrites the one file as if another process had written it. */
async function asHeldBy(holder: object): Promise<void> {
  const [name] = await readdir(directory);
  const file = join(directory, name!);
  const task = JSON.parse(await readFile(file, 'utf8')) as { holder: object };
  await writeFile(file, JSON.stringify({ ...task, holder: { ...task.holder, ...holder } }));
}

describe('held tasks', () => {
  it('are not handed back while their holder lives, nor after the work is done', async () => {
    await new HeldTasks(directory).during(TOKEN, async () => {
      expect(await handedBack()).toEqual([]);
      expect(await readdir(directory)).toHaveLength(1);
    });
    expect(await readdir(directory)).toEqual([]);
    await expect(
      new HeldTasks(directory).during(TOKEN, () => Promise.reject(new Error('lost'))),
    ).rejects.toThrow('lost');
    expect(await readdir(directory)).toEqual([]);
  });

  it('are handed back once when their holder was killed', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    await once(child, 'spawn');
    const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
    await new HeldTasks(directory).during(TOKEN, async () => {
      await asHeldBy({ pid: child.pid, startTime });
      expect(await handedBack()).toEqual([]);
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(await handedBack()).toEqual([[...TOKEN]]);
      expect(await handedBack()).toEqual([]);
    });
  });

  it('are handed back when another process has their holder’s pid', async () => {
    await new HeldTasks(directory).during(TOKEN, async () => {
      await asHeldBy({ startTime: '1' });
      expect(await handedBack()).toEqual([[...TOKEN]]);
    });
  });

  it('of another machine or container are left alone', async () => {
    await new HeldTasks(directory).during(TOKEN, async () => {
      await asHeldBy({ place: 'elsewhere', startTime: '1' });
      expect(await handedBack()).toEqual([]);
    });
  });

  it('are kept when handing back fails', async () => {
    await new HeldTasks(directory).during(TOKEN, async () => {
      await asHeldBy({ startTime: '1' });
      const failing = new HeldTasks(directory).handBackOfTheDead(() =>
        Promise.reject(new Error('no server')),
      );
      await expect(failing).rejects.toThrow('no server');
      expect(await handedBack()).toEqual([[...TOKEN]]);
    });
  });
});
