import { shuffled, uniform } from './random.mjs';

/** What each run must be killed in. */
export const STEPS = ['pretrain', 'sft', 'reward', 'optimise'];

/** What the drill must have killed in, with the moments of fault-injection.mjs that belong to each. */
export const PHASES = {
  'forward/update': ['update'],
  'checkpoint write': ['write'],
  rename: ['rename', 'renamed'],
  commit: ['commit-request', 'commit-transaction', 'commit-answer', 'commit-acknowledged'],
};

/** Kills in each phase that a drill needs. */
export const WANTED = 3;

const KILLS_PER_RUN = 5;

/** One after the other, so that a drill of any length comes to each phase as often as to the others. */
const MOMENTS = [
  ...['update', 'write', 'rename', 'commit-transaction'],
  ...['update', 'write', 'renamed', 'commit-request'],
  ...['update', 'write', 'rename', 'commit-answer'],
  ...['update', 'write', 'renamed', 'commit-acknowledged'],
  ...['update', 'write', 'rename', 'commit-request'],
];

/**
 * @typedef {object} Kill
 * @property {string} id
 * @property {string} step
 * @property {string} moment
 * @property {number} number the moment's number among those of its step and name
 * @property {boolean} fromOutside whether another process does it
 * @property {number} delayMs from the moment to the kill, when from outside
 */

/**
 * The kills of one run: at least one in each step, at moments that the seed draws among those that the unbroken run
 * went through. A pure function of its arguments.
 *
 * @param {{ run: number, runs: number, unbroken: readonly import('./moments.mjs').Moment[], steps?: readonly string[] }} drill
 *   run: from 0, the seed
 * @returns {Kill[]}
 */
export function drawKills({ run, runs, unbroken, steps = STEPS }) {
  // Enough in all for every phase, and one to spare in each.
  const count = Math.max(KILLS_PER_RUN, Math.ceil(((WANTED + 1) * Object.keys(PHASES).length) / runs));
  const order = Array.from({ length: Math.ceil(count / steps.length) }, (_, round) =>
    shuffled(steps, run, `steps ${round}`),
  ).flat();
  const kills = [];
  for (let index = 0; index < count; index += 1) {
    const moment = MOMENTS[(run * count + index) % MOMENTS.length];
    const step = order[index];
    const taken = kills.filter((kill) => kill.step === step && kill.moment === moment);
    const there = unbroken
      .filter((each) => each.step === step && each.name === moment)
      .map(({ number }) => number)
      .filter((number) => !taken.some((kill) => kill.number === number));
    if (there.length === 0)
      throw new Error(`the unbroken run has no moment ${moment} of ${step} left to kill in`);
    const purpose = `${step} ${moment} ${index}`;
    const fromOutside = moment === 'update';
    kills.push({
      id: `${run + 1}.${index + 1}`,
      step,
      moment,
      number: there[Math.floor(uniform(run, purpose, 0) * there.length)],
      fromOutside,
      delayMs: fromOutside ? uniform(run, purpose, 1) * updateMs(unbroken, step) : 0,
    });
  }
  return kills;
}

/** Median time from one update to the next. */
function updateMs(moments, step) {
  const times = moments.filter((each) => each.step === step && each.name === 'update').map(({ at }) => at);
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
}

/**
 * In which phase a process was killed: that of the last moment it wrote down. After the last update before a checkpoint
 * it measures and encodes: neither an update nor yet a write. After a commit comes the next update.
 *
 * @param {import('./moments.mjs').Moment} last
 * @param {{ checkpointEvery: number, from: number, fromOutside: boolean }} attempt from: updates that it began with
 */
export function phaseOf(last, { checkpointEvery, from, fromOutside }) {
  if (last.name === 'update' && last.done !== from && last.done % checkpointEvery === 0) return 'snapshot';
  if (last.name === 'commit-acknowledged' && fromOutside && last.done < last.total) return 'forward/update';
  return Object.keys(PHASES).find((phase) => PHASES[phase].includes(last.name));
}
