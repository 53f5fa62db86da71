import {
  environment,
  readConfiguration,
  resolveConfiguration,
  type ConfigurationOverride,
  type Environment,
} from '@plumbline/config';
import { STEP_NAMES, type StepName } from '@plumbline/contracts';
import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import { Api, type NewRun, type RunDetail } from '../api.js';
import { compareRuns, comparisonTable } from '../compare-runs.js';
import { FAILED } from '../command-error.js';
import { describeRun, problemsOf, runText, took } from '../describe-run.js';
import { exportReport } from '../export-report.js';
import { print, printJson, remark, table } from '../output.js';
import { collectOverride } from '../overrides.js';
import { watchRun } from '../watch-run.js';

const PAGE = 50;
const SET_HELP = 'replace one value of the configuration; may be repeated (value: YAML)';

interface Json {
  readonly json?: boolean;
}

/** `run …` */
export function addRunCommands(program: Command): void {
  const run = program.command('run').description('start, watch, steer and compare runs');

  run
    .command('start')
    .description('start a pipeline, or a single step, from a preset or a YAML file')
    .addArgument(new Argument('<preset|file.yaml>', '`smoke`, `demo`, or the path of a configuration'))
    .option('--set <path=value>', SET_HELP, collectOverride)
    .option('--wait', 'show the progress on stderr until the run ends; exit 1 unless it completes')
    .option('--json', 'print {runId}, or with --wait what `run show --json` prints')
    .action((source: string, options: Json & { set?: ConfigurationOverride[]; wait?: boolean }) =>
      start(environment(), source, options),
    );

  run
    .command('list')
    .description('the runs, newest first')
    .option('--limit <n>', 'how many', (text) => wholeNumber(text, '--limit'), 20)
    .option('--json', 'print an array of what `run show --json` prints')
    .action((options: Json & { limit: number }) => list(environment(), options));

  run
    .command('show')
    .description('one run: its steps, their times, checkpoints and last metrics, and its report')
    .argument('<id>', 'the run')
    .option('--json', 'print {runId,name,status,steps,report}')
    .action((id: string, options: Json) => show(environment(), id, options));

  run
    .command('watch')
    .description('show a run’s progress until it ends; exit 1 unless it completes')
    .argument('<id>', 'the run')
    .option('--json', 'at the end print what `run show --json` prints')
    .action((id: string, options: Json) => watch(environment(), id, options));

  const changes = [
    ['pause', 'pause a run at its next checkpoint; nothing is lost'],
    ['resume', 'let a paused run go on'],
    ['cancel', 'end a run; its checkpoints stay'],
  ] as const;
  for (const [change, description] of changes) {
    run
      .command(change)
      .description(description)
      .argument('<id>', 'the run')
      .option('--json', 'print {status}')
      .action(async (id: string, options: Json) => {
        const api = await Api.connect(environment());
        const result = await api.changeRun(id, change);
        if (options.json) printJson(result);
        else print(result.status);
      });
  }

  run
    .command('fork')
    .description('a new run that takes all earlier steps from this one and starts at a step')
    .argument('<id>', 'the run')
    .addOption(
      new Option('--from <step>', 'first step to execute anew').choices(STEP_NAMES).makeOptionMandatory(),
    )
    .option('--set <path=value>', SET_HELP, collectOverride)
    .option('--json', 'print {runId}')
    .action(async (id: string, options: Json & { from: StepName; set?: ConfigurationOverride[] }) => {
      const api = await Api.connect(environment());
      const overrides = options.set ?? [];
      const original = await api.run(id);
      // Refused here, before anything happens, with the same words as `run start`.
      resolveConfiguration(original.configuration, { overrides });
      const forked = await api.forkRun(id, { from: options.from, overrides });
      if (options.json) printJson(forked);
      else print(forked.runId);
    });

  run
    .command('compare')
    .description('how runs differ: configuration and final metrics side by side')
    .argument('<ids...>', 'two runs or more')
    .option('--json', 'print the rows')
    .action(async (ids: string[], options: Json) => {
      const api = await Api.connect(environment());
      const runs = await Promise.all(ids.map((id) => api.run(id)));
      const rows = compareRuns(runs);
      if (options.json) printJson(rows);
      else print(comparisonTable(runs, rows));
    });
}

function wholeNumber(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError(`${option} must be a whole number from 1.`);
  return value;
}

async function start(
  settings: Environment,
  source: string,
  options: Json & { set?: ConfigurationOverride[]; wait?: boolean },
): Promise<void> {
  const run = validatedRun(source, options.set ?? []);
  const api = await Api.connect(settings);
  const { runId } = await api.startRun(run);
  if (!options.wait) {
    if (options.json) printJson({ runId });
    else print(runId);
    return;
  }
  remark(`run ${runId}`);
  await watch(settings, runId, options);
}

/**
 * Validated here, so that nothing is sent or started when it is wrong.
 * @throws ConfigurationError
 */
function validatedRun(source: string, overrides: readonly ConfigurationOverride[]): NewRun {
  const { preset, input, baseDirectory } = readConfiguration(source);
  const resolved = resolveConfiguration(input, { overrides, baseDirectory });
  if (preset === null) return { configuration: resolved };
  // The API starts elsewhere, so a relative path must not travel.
  const located = overrides.map(({ path, value }) => {
    if (path === 'pretrain.corpus') return { path, value: resolved.pretrain.corpus };
    if (path === 'sft.data' && resolved.sft) return { path, value: resolved.sft.data };
    return { path, value };
  });
  return { preset, overrides: located };
}

async function list(settings: Environment, options: Json & { limit: number }): Promise<void> {
  const api = await Api.connect(settings);
  const runs = [];
  let cursor: string | null = null;
  do {
    const page = await api.listRuns(cursor, Math.min(PAGE, options.limit - runs.length));
    runs.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && runs.length < options.limit);
  if (options.json) {
    const details = await Promise.all(runs.map(({ runId }) => api.run(runId)));
    printJson(await Promise.all(details.map((run) => described(api, settings, run))));
    return;
  }
  print(
    table([
      ['RUN', 'NAME', 'STATUS', 'STEP', 'STARTED', 'TOOK'],
      ...runs.map((run) => [
        run.runId,
        run.name,
        run.status,
        run.currentStep ?? '',
        run.startedAt ?? '',
        took(run),
      ]),
    ]),
  );
}

async function show(settings: Environment, id: string, options: Json): Promise<void> {
  const api = await Api.connect(settings);
  const run = await api.run(id);
  await printRun(api, settings, run, options);
  if (!options.json) for (const problem of problemsOf(run)) print(`error: ${problem}`);
}

async function watch(settings: Environment, id: string, options: Json): Promise<void> {
  const run = await watchRun(settings, id);
  await printRun(await Api.connect(settings), settings, run, options);
  if (run.status === 'completed') return;
  remark(`the run is ${run.status}`);
  for (const problem of problemsOf(run)) remark(problem);
  process.exitCode = FAILED;
}

async function printRun(api: Api, settings: Environment, run: RunDetail, options: Json): Promise<void> {
  if (options.json) printJson(await described(api, settings, run));
  else print(runText(run, await exportReport(api, run, settings.home)));
}

async function described(api: Api, settings: Environment, run: RunDetail) {
  return describeRun(run, await exportReport(api, run, settings.home));
}
