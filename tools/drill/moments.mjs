import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A moment in the life of a step, as the process it happened in wrote it down.
 *
 * @typedef {object} Moment
 * @property {string} step
 * @property {string} name as in fault-injection.mjs
 * @property {number} number which one of that step and name, from 1, over all attempts
 * @property {number} done updates or iterations that the attempt knew to be done
 * @property {number} total of the step, in the same unit
 * @property {number} pid
 * @property {number} at milliseconds since 1970
 * @property {string} [kill] id of the planned kill that came now
 */

export const PLAN_FILE = 'plan.json';
export const MOMENTS_FILE = 'moments.jsonl';

/** @returns {Moment[]} all that were written; none where nothing was */
export function readMoments(folder) {
  let text;
  try {
    text = readFileSync(join(folder, MOMENTS_FILE), 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  return parseMoments(text);
}

/** @param {string} text lines of JSON; a last one without its end is not read yet */
export function parseMoments(text) {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** Writes down the moments of one process, and ends it in those that the plan names. */
export class MomentRecorder {
  #folder;
  #step = null;
  #numbers = new Map();
  #kills = [];
  #progress = { done: 0, total: 0 };

  constructor(folder) {
    this.#folder = folder;
  }

  /** A new attempt at a step: the plan and the numbers are those of the folder as it is now. */
  begin(step) {
    this.#step = step;
    this.#progress = { done: 0, total: 0 };
    this.#numbers = new Map();
    for (const { step: of, name, number } of readMoments(this.#folder)) {
      if (of === step) this.#numbers.set(name, number);
    }
    this.#kills = JSON.parse(readFileSync(join(this.#folder, PLAN_FILE), 'utf8')).kills;
  }

  get done() {
    return this.#progress.done;
  }

  progress({ done, total }) {
    this.#progress = { done, total };
  }

  /** Does not return when the plan has this process die now. */
  reached(name) {
    if (this.#step === null) return;
    const number = (this.#numbers.get(name) ?? 0) + 1;
    this.#numbers.set(name, number);
    const kill = this.#kills.find(
      (planned) => planned.step === this.#step && planned.moment === name && planned.number === number,
    );
    // An `update` is killed from outside, by who reads this file.
    const now = kill !== undefined && !kill.fromOutside;
    const moment = { step: this.#step, name, number, ...this.#progress, pid: process.pid, at: Date.now() };
    appendFileSync(
      join(this.#folder, MOMENTS_FILE),
      `${JSON.stringify(now ? { ...moment, kill: kill.id } : moment)}\n`,
    );
    if (now) process.kill(process.pid, 'SIGKILL');
  }
}
