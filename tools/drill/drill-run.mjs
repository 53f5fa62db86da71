import { setTimeout as sleep } from 'node:timers/promises';
import { readCheckpoints } from './checkpoints.mjs';
import { DrillHome } from './drill-home.mjs';
import { drillConfiguration } from './configuration.mjs';
import { phaseOf } from './kills.mjs';
import { readMoments } from './moments.mjs';
import { killFromOutside } from './outside-killer.mjs';

const LOOK_EVERY_MS = 300;
/** Nothing in a run takes this long without a new moment or another step. */
const STUCK_AFTER_MS = 240_000;

/**
 * A kill that came, and where it met the process.
 *
 * @typedef {object} KillDone
 * @property {string} id
 * @property {string} step
 * @property {string} phase
 * @property {string} moment the last one that the process wrote down
 * @property {number} done updates or iterations that were done
 * @property {number} total
 * @property {'gpu-worker' | 'TensorFlow process'} victim
 * @property {boolean} fromOutside
 * @property {number | null} resumedAfterMs until the next process began its first update; null: nothing was left to do
 */

/**
 * One run of the whole pipeline in a fresh home, killed as planned.
 *
 * @param {import('./drill-home.mjs').Plan} plan
 * @param {readonly import('./kills.mjs').Kill[]} kills
 * @param {(what: string) => void} say told what goes on
 * @returns {Promise<{ home: DrillHome, problem: string | null, checkpoints: object[], kills: KillDone[], moments: object[], seconds: number }>}
 *   home: stopped, and the caller's to remove; problem: why the run did not complete
 */
export async function drillRun(plan, kills, say) {
  const started = Date.now();
  const home = new DrillHome(plan, kills);
  const ended = new AbortController();
  const outside = [];
  try {
    const configuration = drillConfiguration(home.folder, plan.algorithm);
    say('starting the services');
    await home.plumbline('up', '--json');
    let latest = '';
    let lastWordAt = Date.now();
    const killing = killFromOutside(home.moments, kills, {
      signal: ended.signal,
      onMoment: ({ step, done, total }) => {
        latest = `${step} ${done} of ${total}`;
        lastWordAt = Date.now();
      },
      onKill: (kill, pid) => outside.push({ kill, pid, at: Date.now() }),
    });
    const runId = await home.start(configuration);
    const run = await untilEnd(home, runId, () => ({ latest, lastWordAt }), say);
    ended.abort();
    await killing;
    say('stopping the services');
    await home.down();
    const moments = readMoments(home.moments);
    const problem =
      run.status === 'completed' ? null : `the run is ${run.status}: ${run.error ?? 'it did not end'}`;
    return {
      home,
      problem,
      checkpoints: readCheckpoints(home.home, run),
      kills: killsDone(moments, outside, configuration),
      moments,
      seconds: (Date.now() - started) / 1000,
    };
  } catch (error) {
    ended.abort();
    await home.down().catch(() => undefined);
    error.message = `${error.message}\n(home: ${home.folder})`;
    throw error;
  }
}

async function untilEnd(home, runId, progress, say) {
  let step = '';
  let changedAt = Date.now();
  for (;;) {
    const run = await home.show(runId);
    if (['completed', 'failed', 'cancelled'].includes(run.status)) return run;
    const running = run.steps.find(({ status }) => status !== 'completed' && status !== 'queued');
    if (running !== undefined && running.name !== step) {
      step = running.name;
      changedAt = Date.now();
    }
    const { latest, lastWordAt } = progress();
    say(latest.startsWith(`${step} `) ? latest : step);
    if (Date.now() - Math.max(changedAt, lastWordAt) > STUCK_AFTER_MS) return run;
    await sleep(LOOK_EVERY_MS);
  }
}

/** @returns {KillDone[]} in the order in which they came */
function killsDone(moments, outside, configuration) {
  const lastOf = new Map(moments.map((moment) => [moment.pid, moment]));
  const firstOf = new Map([...moments].reverse().map((moment) => [moment.pid, moment]));
  const inside = moments
    .filter(({ kill }) => kill !== undefined)
    .map((moment) => ({ id: moment.kill, moment, at: moment.at }));
  const all = [
    ...inside.map((kill) => ({ ...kill, fromOutside: false })),
    ...outside.map(({ kill, pid, at }) => ({ id: kill.id, moment: lastOf.get(pid), at, fromOutside: true })),
  ];
  return all
    .sort((a, b) => a.at - b.at)
    .map(({ id, moment, at, fromOutside }) => ({
      id,
      step: moment.step,
      phase: phaseOf(moment, {
        checkpointEvery: configuration[moment.step].checkpointEvery,
        from: firstOf.get(moment.pid).done,
        fromOutside,
      }),
      moment: moment.name,
      done: moment.done,
      total: moment.total,
      victim: IN_PARENT.includes(moment.name) ? 'gpu-worker' : 'TensorFlow process',
      fromOutside,
      resumedAfterMs: resumedAfter(moments, moment, at),
    }));
}

function resumedAfter(moments, { step, pid }, killedAt) {
  const next = moments.find(
    (each) => each.step === step && each.name === 'update' && each.pid !== pid && each.at > killedAt,
  );
  return next === undefined ? null : next.at - killedAt;
}

const IN_PARENT = ['commit-transaction', 'commit-answer'];
