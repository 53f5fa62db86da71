#!/usr/bin/env node
/**
 * The resume drill: one unbroken run of the pipeline, then runs that are killed with -9 in pretrain, sft, reward and
 * optimise, each in a fresh home with real services. Every checkpoint of every killed run must be that of the unbroken
 * one: weights, optimizer and state by hash. docs/durability.md says what the phases are.
 *
 *   npm run drill:resume -- [--seeds N] [--json] [--keep]
 *
 * Exit codes: 0 all equal and every phase met often enough, 1 not so, 2 wrong use.
 */
import { parseArgs } from 'node:util';
import { bootstrap } from '../bootstrap.mjs';
import { build } from '../build.mjs';
import { seconds } from '../lib/progress.mjs';
import { runMain } from '../lib/set-up-error.mjs';
import { differences } from './checkpoints.mjs';
import { drillRun } from './drill-run.mjs';
import { drawKills, PHASES, STEPS, WANTED } from './kills.mjs';
import { StatusLine } from './status-line.mjs';

const MAXIMUM_SEEDS = 1000;

/** @returns what was asked for, or null after saying what is wrong with it */
function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string', default: '20' },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
      },
    });
    const seeds = Number(values.seeds);
    if (!/^\d+$/.test(values.seeds) || seeds < 1 || seeds > MAXIMUM_SEEDS)
      throw new Error(
        `--seeds must be a whole number from 1 to ${MAXIMUM_SEEDS}, not ${JSON.stringify(values.seeds)}`,
      );
    return { seeds, json: values.json, keep: values.keep };
  } catch (error) {
    console.error(`drill:resume: ${error.message}`);
    return null;
  }
}

async function main() {
  const wanted = readArguments();
  if (wanted === null) {
    process.exitCode = 2;
    return;
  }
  await bootstrap();
  await build();
  const print = wanted.json ? () => undefined : (line) => console.log(line);
  const line = new StatusLine(process.stderr);

  const unbroken = await drillRun([], (what) => line.show(`unbroken run: ${what}`));
  line.clear();
  unbroken.home.remove();
  if (unbroken.problem !== null) throw new Error(`the unbroken run: ${unbroken.problem}`);
  print(`unbroken run: ${unbroken.checkpoints.length} checkpoints (${seconds(unbroken.seconds * 1000)})`);

  const runs = [];
  for (let run = 0; run < wanted.seeds; run += 1) {
    const kills = drawKills({ run, runs: wanted.seeds, unbroken: unbroken.moments });
    const title = `run ${run + 1} of ${wanted.seeds}`;
    const result = await drillRun(kills, (what) => line.show(`${title}: ${what}`));
    line.clear();
    const judged = judge(unbroken, result, kills);
    if (judged.problems.length > 0 && wanted.keep) judged.home = result.home.folder;
    else result.home.remove();
    runs.push(judged);
    for (const text of describe(title, judged)) print(text);
  }

  const coverage = coverageOf(runs);
  const short = Object.entries(coverage).filter(([, count]) => count < WANTED);
  const failed = runs.filter(({ problems }) => problems.length > 0);
  const ok = short.length === 0 && failed.length === 0;
  print(
    `\nkills: ${Object.entries(coverage)
      .map(([phase, count]) => `${phase} ${count}`)
      .join(', ')}`,
  );
  for (const [phase, count] of short) print(`not covered: ${phase} was met ${count} times, wanted ${WANTED}`);
  print(
    ok
      ? `all ${runs.length} killed runs have the checkpoints of the unbroken one: weights, optimizer and state are equal`
      : `${failed.length} of ${runs.length} killed runs are not like the unbroken one`,
  );
  if (wanted.json)
    console.log(JSON.stringify({ equal: failed.length === 0, covered: short.length === 0, coverage, runs }));
  if (!ok) process.exitCode = 1;
}

/** What is wrong with a run, a line each: not completed, not equal, or not killed in each step. */
function judge(unbroken, result, planned) {
  const unequal = differences(unbroken.checkpoints, result.checkpoints);
  const spared = STEPS.filter((step) => !result.kills.some((kill) => kill.step === step));
  return {
    planned: planned.length,
    kills: result.kills,
    checkpoints: result.checkpoints.length,
    seconds: result.seconds,
    problems: [
      ...(result.problem === null ? [] : [result.problem]),
      ...unequal.map(
        ({ step, index, blob, unbroken: one, killed }) =>
          `${step} at ${index}, ${blob}: ${killed ?? 'missing'}, unbroken ${one ?? 'missing'}`,
      ),
      ...spared.map((step) => `was not killed in ${step}`),
    ],
  };
}

function describe(title, { kills, problems, checkpoints, seconds: took, home }) {
  const lines = kills.map(
    ({ step, phase, moment, done, total, victim, fromOutside }) =>
      `  ${step.padEnd(9)} ${String(done).padStart(3)} of ${String(total).padEnd(4)} ${phase.padEnd(17)} ${moment.padEnd(20)} ${victim}${fromOutside ? ', from outside' : ''}`,
  );
  const verdict = problems.length === 0 ? `${checkpoints} checkpoints equal` : 'NOT EQUAL';
  return [
    `${title}: ${kills.length} kills, ${verdict} (${seconds(took * 1000)})`,
    ...lines,
    ...problems.map((problem) => `  ${title}: ${problem}`),
    ...(home === undefined ? [] : [`  kept in ${home}`]),
  ];
}

function coverageOf(runs) {
  const kills = runs.flatMap((run) => run.kills);
  return Object.fromEntries(
    Object.keys(PHASES).map((phase) => [phase, kills.filter((kill) => kill.phase === phase).length]),
  );
}

await runMain(main);
