import { environment, type Environment } from '@plumbline/config';
import { MAXIMUM_SIMULATED_LABELERS } from '@plumbline/contracts';
import { InvalidArgumentError, type Command } from 'commander';
import { Api } from '../api.js';
import { print, printJson } from '../output.js';

const SHOW_EVERY_MS = 2000;

/** `labelers …` */
export function addLabelerCommands(program: Command): void {
  const labelers = program.command('labelers').description('labelers that are programs');
  labelers
    .command('simulate')
    .description('simulated labelers judge a run’s comparisons through the public API until none is left')
    .requiredOption('--run <id>', 'the run')
    .requiredOption('--count <n>', 'how many labelers', wholeNumber)
    .option(
      '--noise <x>',
      'noise of their choices, in units of gold reward (default: as configured)',
      positive,
    )
    .option('--json', 'print {judgements}')
    .action((options: { run: string; count: number; noise?: number; json?: boolean }) =>
      simulate(environment(), options),
    );
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MAXIMUM_SIMULATED_LABELERS)
    throw new InvalidArgumentError(
      `It must be a whole number from 1 to ${String(MAXIMUM_SIMULATED_LABELERS)}.`,
    );
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

async function simulate(
  settings: Environment,
  options: { run: string; count: number; noise?: number; json?: boolean },
): Promise<void> {
  // Loaded only here: every other command starts without the scorers.
  const { provideSimulatedLabelers, runSimulatedLabelers } = await import('@plumbline/simulated-labelers');
  const api = await Api.connect(settings);
  const run = await api.run(options.run);
  const labelers = await provideSimulatedLabelers({
    url: api.url,
    token: api.token,
    runId: run.runId,
    count: options.count,
  });
  let shownAt = 0;
  const judgements = await runSimulatedLabelers({
    url: api.url,
    runId: run.runId,
    labelers,
    noise: options.noise ?? run.configuration.collect.simulatedNoise,
    onProgress: ({ judged, required }) => {
      if (Date.now() - shownAt < SHOW_EVERY_MS) return;
      shownAt = Date.now();
      process.stderr.write(`${String(judged)} of ${String(required)} judgements\n`);
    },
  });
  if (options.json) printJson({ judgements });
  else print(`${String(judgements)} judgements`);
}
