import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `work` while no other process on this machine holds the same lock. A lock whose holder has died is taken over.
 *
 * @template T
 * @param {string} file the lock; its folder must exist
 * @param {() => void} onWait called once when somebody else holds it
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, onWait, work) {
  let told = false;
  while (!tryLock(file) && !tryLock(file)) {
    // The first attempt may have done no more than to remove a dead holder's lock.
    if (!told) onWait();
    told = true;
    await sleep(250);
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    release();
    process.off('exit', release);
  }
}

/** A hard link appears whole or not at all, so a lock always names its holder. */
function tryLock(file) {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, identity(process.pid));
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    dropIfStale(file, `${mine}.stale`);
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

function dropIfStale(file, aside) {
  const held = read(file);
  if (held === null || held === identity(Number(held.split(' ')[0]))) return;
  try {
    renameSync(file, aside);
    // Somebody may have taken it over between the look and the move: give that back.
    if (read(aside) !== held) linkSync(aside, file);
  } catch {
    // Another waiting process was faster.
  } finally {
    rmSync(aside, { force: true });
  }
}

/** The pid and, where the system tells, when that process started: pids are given out again. */
function identity(pid) {
  const stat = read(`/proc/${pid}/stat`);
  if (stat !== null) return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  if (process.platform === 'linux') return 'nobody';
  try {
    process.kill(pid, 0);
    return `${pid}`;
  } catch (error) {
    return error.code === 'EPERM' ? `${pid}` : 'nobody';
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
