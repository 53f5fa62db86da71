import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withLock } from './lock.mjs';

let folder;
let lock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plumbline-lock-'));
  lock = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const MODULE = fileURLToPath(new URL('./lock.mjs', import.meta.url));

/** A process that takes the lock, says so, and holds it. */
async function holder() {
  const program = `
    import { withLock } from ${JSON.stringify(MODULE)};
    await withLock(${JSON.stringify(lock)}, () => {}, () => { console.log('held'); return new Promise((r) => setTimeout(r, 60000)); });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

describe('withLock', () => {
  it('lets one in at a time and leaves nothing behind', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside -= 1;
    };
    await Promise.all([1, 2, 3].map(() => withLock(lock, () => undefined, work)));
    expect(most).toBe(1);
    expect(existsSync(lock)).toBe(false);
  });

  it('waits for another process, and takes over when that is killed', async () => {
    const other = await holder();
    let waited = false;
    let entered = false;
    const mine = withLock(
      lock,
      () => (waited = true),
      async () => (entered = true),
    );
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect([waited, entered]).toEqual([true, false]);
    other.kill('SIGKILL');
    await mine;
    expect(entered).toBe(true);
  });

  it('takes over from a process whose number somebody else has now', async () => {
    writeFileSync(lock, `${process.pid} 1`);
    let entered = false;
    await withLock(
      lock,
      () => undefined,
      async () => (entered = true),
    );
    expect(entered).toBe(true);
  });
});
