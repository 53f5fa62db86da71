import { environment } from '@plumbline/config';
import { PREFERENCE_FORMATS, type PreferenceFormatName } from '@plumbline/contracts';
import { InvalidArgumentError, Option, type Command } from 'commander';

export interface ImportPreferencesOptions {
  readonly format: PreferenceFormatName;
  readonly model?: string;
  readonly heldOut?: number;
  readonly longRows: 'refuse' | 'truncate' | 'drop';
  readonly malformedRows: 'refuse' | 'drop';
  readonly json?: boolean;
}

export interface ExportPreferencesOptions {
  readonly run: string;
  readonly format: PreferenceFormatName;
  readonly out: string;
  readonly json?: boolean;
}

/** `preferences …`. What they do is loaded only when one of them runs. */
export function addPreferenceCommands(program: Command): void {
  const preferences = program.command('preferences').description('judgements in and out');
  const commands = () => import('../preference-commands.js');
  const format = () =>
    new Option('--format <format>', 'how the file is written')
      .choices(PREFERENCE_FORMATS)
      .makeOptionMandatory();

  preferences
    .command('import')
    .description(
      'check a file of judgements whole, then record all of them; prints the inputs of a `step: reward`',
    )
    .argument('<file>', 'JSON Lines, gzipped or not')
    .addOption(format())
    .option(
      '--model <id>',
      'checkpoint whose tokens to make of the texts (default: the step that trains makes its own)',
    )
    .option(
      '--held-out <share>',
      'share of the prompts that measures the reward model (default: 0.1, or as a Plumbline file has it)',
      share,
    )
    .addOption(
      new Option(
        '--long-rows <what>',
        'of rows longer than the model’s context: refuse the file, cut off, leave out',
      )
        .choices(['refuse', 'truncate', 'drop'])
        .default('refuse'),
    )
    .addOption(
      new Option('--malformed-rows <what>', 'of rows that cannot be read: refuse the file, leave them out')
        .choices(['refuse', 'drop'])
        .default('refuse'),
    )
    .option('--json', 'print {judgements,comparisons,preferences,…}')
    .action(async (file: string, options: ImportPreferencesOptions) =>
      (await commands()).importPreferences(environment(), file, options),
    );

  preferences
    .command('export')
    .description('write the judgements that a run collected, imported or was given')
    .requiredOption('--run <id>', 'the run')
    .addOption(format())
    .requiredOption('--out <file>', 'the file to write; one that is there is replaced')
    .option('--json', 'print {judgements,…}')
    .action(async (options: ExportPreferencesOptions) =>
      (await commands()).exportPreferences(environment(), options),
    );
}

function share(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!(value >= 0 && value < 1)) throw new InvalidArgumentError('It must be a number from 0 and below 1.');
  return value;
}
