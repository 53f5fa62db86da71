import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MOMENTS_FILE, parseMoments } from './moments.mjs';

const LOOK_EVERY_MS = 3;

/**
 * Reads the moments as they are written, and kills the processes that the plan wants killed from outside: `kill -9`, so
 * and so long after the moment, wherever the process is by then.
 *
 * @param {string} folder
 * @param {readonly import('./kills.mjs').Kill[]} kills
 * @param {{ signal: AbortSignal, onMoment: (moment: import('./moments.mjs').Moment) => void, onKill: (kill: import('./kills.mjs').Kill, pid: number) => void }} listener
 *   onKill: the process had not ended by itself
 */
export async function killFromOutside(folder, kills, { signal, onMoment, onKill }) {
  const waiting = kills.filter(({ fromOutside }) => fromOutside);
  const file = openSync(join(folder, MOMENTS_FILE), 'a+');
  try {
    let position = 0;
    let rest = '';
    while (!signal.aborted) {
      const { size } = fstatSync(file);
      if (size === position) {
        await sleep(LOOK_EVERY_MS);
        continue;
      }
      const bytes = Buffer.alloc(size - position);
      position += readSync(file, bytes, 0, bytes.length, position);
      const text = rest + bytes.toString('utf8');
      rest = text.slice(text.lastIndexOf('\n') + 1);
      for (const moment of parseMoments(text)) {
        onMoment(moment);
        const kill = waiting.find(
          ({ step, moment: name, number }) =>
            step === moment.step && name === moment.name && number === moment.number,
        );
        if (kill === undefined) continue;
        await sleep(Math.max(0, moment.at + kill.delayMs - Date.now()));
        if (endByForce(moment.pid)) onKill(kill, moment.pid);
      }
    }
  } finally {
    closeSync(file);
  }
}

/** Says whether it was there to be killed. */
function endByForce(pid) {
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('compute-child.js')) return false;
    process.kill(pid, 'SIGKILL');
    return true;
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return false;
    throw error;
  }
}
