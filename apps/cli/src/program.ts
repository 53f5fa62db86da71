import { Command } from 'commander';
import { addBenchCommand } from './commands/bench.js';
import { addLabelerCommands } from './commands/labelers.js';
import { addModelCommands } from './commands/models.js';
import { addPreferenceCommands } from './commands/preferences.js';
import { addRunCommands } from './commands/runs.js';
import { addServiceCommands } from './commands/services.js';

/** The whole `plumbline` command. Wrong use throws a CommanderError instead of ending the process. */
export function createProgram(): Command {
  const program = new Command('plumbline')
    .description(
      'RLHF post-training: from pretraining to a policy that people prefer, as one durable workflow',
    )
    .helpCommand(false)
    .exitOverride();
  addServiceCommands(program);
  addRunCommands(program);
  addModelCommands(program);
  addLabelerCommands(program);
  addPreferenceCommands(program);
  addBenchCommand(program);
  program.addHelpText(
    'after',
    [
      '',
      'Results go to stdout and progress to stderr; with --json stdout is one JSON document.',
      'Exit codes: 0 done, 1 failed, 2 wrong use or bad input.',
      '',
      'Everything is kept in PLUMBLINE_HOME (default: .plumbline in the checkout).',
    ].join('\n'),
  );
  return program;
}
