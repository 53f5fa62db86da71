#!/usr/bin/env node
/**
 * The resume drill: one unbroken run of the pipeline, then runs that are killed with -9 in pretrain, sft, reward and
 * optimise, each in a fresh home with real services. Every checkpoint of every killed run must be that of the unbroken
 * one: weights, optimizer and state by hash. docs/durability.md says what the phases are.
 *
 *   npm run drill:resume -- [--seeds N] [--algorithm NAME] [--precision fp32|bf16] [--threads N] [--json] [--keep]
 *
 * --algorithm is what the step optimise runs: ppo (default), rloo, grpo, dpo or best-of-n.
 * --keep leaves the home of a run that is not like the unbroken one.
 *
 * Exit codes: 0 all equal and every phase met often enough, 1 not so, 2 wrong use.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { bootstrap } from '../bootstrap.mjs';
import { build } from '../build.mjs';
import { seconds } from '../lib/progress.mjs';
import { runMain } from '../lib/set-up-error.mjs';
import { differences } from './checkpoints.mjs';
import { ALGORITHMS } from './configuration.mjs';
import { removeHomes } from './drill-home.mjs';
import { drillRun } from './drill-run.mjs';
import { drawKills, PHASES, STEPS, WANTED } from './kills.mjs';
import { StatusLine } from './status-line.mjs';

const MAXIMUM = 1000;

/** @returns what was asked for, or null after saying what is wrong with it */
function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string', default: '20' },
        algorithm: { type: 'string', default: 'ppo' },
        precision: { type: 'string', default: 'fp32' },
        threads: { type: 'string', default: String(availableParallelism()) },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
      },
    });
    if (!['fp32', 'bf16'].includes(values.precision))
      throw new Error(`--precision must be fp32 or bf16, not ${JSON.stringify(values.precision)}`);
    if (!ALGORITHMS.includes(values.algorithm))
      throw new Error(
        `--algorithm must be one of ${ALGORITHMS.join(', ')}, not ${JSON.stringify(values.algorithm)}`,
      );
    return {
      seeds: wholeNumber('--seeds', values.seeds),
      plan: {
        threads: wholeNumber('--threads', values.threads),
        precision: values.precision,
        algorithm: values.algorithm,
      },
      json: values.json,
      keep: values.keep,
    };
  } catch (error) {
    console.error(`drill:resume: ${error.message}`);
    return null;
  }
}

function wholeNumber(name, text) {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= MAXIMUM) return number;
  throw new Error(`${name} must be a whole number from 1 to ${MAXIMUM}, not ${JSON.stringify(text)}`);
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
  const { seeds, plan } = wanted;
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => {
      line.clear();
      console.error('Interrupted; stopping the services.');
      void removeHomes().finally(() => process.exit(130));
    });
  print(
    `${seeds} runs to be killed, each on ${plan.threads} threads in ${plan.precision}, optimising by ${plan.algorithm}`,
  );

  const unbroken = await drillRun(plan, [], (what) => line.show(`unbroken run: ${what}`));
  line.clear();
  unbroken.home.remove();
  if (unbroken.problem !== null) throw new Error(`the unbroken run: ${unbroken.problem}`);
  print(`unbroken run: ${unbroken.checkpoints.length} checkpoints (${seconds(unbroken.seconds * 1000)})`);

  const runs = [];
  for (let run = 0; run < seeds; run += 1) {
    const kills = drawKills({ run, runs: seeds, unbroken: unbroken.moments });
    const title = `run ${run + 1} of ${seeds}`;
    const result = await drillRun(plan, kills, (what) => line.show(`${title}: ${what}`));
    line.clear();
    const judged = judge(unbroken, result, kills);
    if (judged.problems.length > 0 && wanted.keep) judged.home = result.home.folder;
    else result.home.remove();
    runs.push(judged);
    for (const text of describe(title, judged)) print(text);
  }

  const coverage = coverageOf(runs);
  const short = Object.entries(coverage).filter(([, { all }]) => all < WANTED);
  const failed = runs.filter(({ problems }) => problems.length > 0);
  const ok = short.length === 0 && failed.length === 0;
  for (const text of coverageTable(coverage)) print(text);
  for (const text of resumption(runs)) print(text);
  for (const [phase, { all }] of short) print(`not covered: ${phase} was met ${all} times, wanted ${WANTED}`);
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

/** Kills by phase: in each step, and in all. */
function coverageOf(runs) {
  const kills = runs.flatMap((run) => run.kills);
  const count = (phase, step) =>
    kills.filter((kill) => kill.phase === phase && (step === undefined || kill.step === step)).length;
  return Object.fromEntries(
    Object.keys(PHASES).map((phase) => [
      phase,
      { ...Object.fromEntries(STEPS.map((step) => [step, count(phase, step)])), all: count(phase) },
    ]),
  );
}

/** How long it took from a kill until the next process began its first update, which compiles. */
function resumption(runs) {
  const kills = runs.flatMap((run) => run.kills).filter(({ resumedAfterMs }) => resumedAfterMs !== null);
  return ['TensorFlow process', 'gpu-worker'].flatMap((victim) => {
    const times = kills
      .filter((kill) => kill.victim === victim)
      .map(({ resumedAfterMs }) => resumedAfterMs)
      .sort((a, b) => a - b);
    if (times.length === 0) return [];
    const [middle, longest] = [times[times.length >> 1], times.at(-1)].map((ms) => (ms / 1000).toFixed(1));
    return [`from a kill of the ${victim} to the next update: median ${middle} s, longest ${longest} s`];
  });
}

function coverageTable(coverage) {
  const columns = [...STEPS, 'all'];
  const row = (title, cells) =>
    `${title.padEnd(17)}${cells.map((cell) => String(cell).padStart(10)).join('')}`;
  return [
    '',
    row('kills', columns),
    ...Object.entries(coverage).map(([phase, counts]) =>
      row(
        phase,
        columns.map((column) => counts[column]),
      ),
    ),
    '',
  ];
}

await runMain(main);
