import { environment } from '@plumbline/config';
import { InvalidArgumentError, type Command } from 'commander';

const MODEL_HELP = 'a checkpoint id, or a Hugging Face directory';
const MAXIMUM_SEED = 2 ** 32 - 1;

export interface ImportOptions {
  readonly corpus?: string;
  readonly json?: boolean;
}

export interface ScoreOptions {
  readonly text?: string;
  readonly tokens?: readonly number[];
  readonly json?: boolean;
}

export interface GenerateOptions {
  readonly prompt: string;
  readonly maxNewTokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** `model …`. What they do is loaded only when one of them runs: every other command starts without TensorFlow. */
export function addModelCommands(program: Command): void {
  const model = program
    .command('model')
    .description('models in and out, and what they say; needs no services');
  const commands = () => import('../model-commands.js');

  model
    .command('import')
    .description('store a Hugging Face GPT-2 directory as a checkpoint, which steps can start from')
    .argument('<dir>', 'with config.json and model.safetensors (or shards); tokenizer.json is stored, too')
    .option(
      '--corpus <name|path>',
      'text whose documents give later steps their prompts, as `pretrain.corpus` takes it',
    )
    .option('--json', 'print {checkpoint}')
    .action(async (directory: string, options: ImportOptions) =>
      (await commands()).importModel(environment(), directory, options),
    );

  model
    .command('export')
    .description('write a checkpoint’s language model as a Hugging Face directory')
    .argument('<id>', 'the checkpoint')
    .argument('<dir>', 'the directory to make')
    .option('--force', 'replace a model directory that is there already')
    .option('--json', 'print {directory}')
    .action(async (id: string, directory: string, options: { force?: boolean; json?: boolean }) =>
      (await commands()).exportModel(environment(), id, directory, options),
    );

  model
    .command('score')
    .description('log-probability (nats) of each token after the first')
    .argument('<model>', MODEL_HELP)
    .option('--text <text>', 'the text')
    .option('--tokens <list>', 'or its tokens, such as 1,2,3', tokenList)
    .option('--json', 'print {tokens,logprobs}')
    .action(async (name: string, options: ScoreOptions) =>
      (await commands()).scoreModel(environment(), name, options),
    );

  model
    .command('generate')
    .description('continue a text')
    .argument('<model>', MODEL_HELP)
    .requiredOption('--prompt <text>', 'the text to continue')
    .option('--max-new-tokens <n>', 'at most so many (default: 64, as far as the context goes)', count(1))
    .option('--temperature <x>', '0 takes the likeliest token each time (default: 1)', temperature)
    .option('--top-k <k>', 'only among the k likeliest tokens; 0: all', count(0))
    .option('--top-p <p>', 'only among the likeliest tokens that have this share together', share)
    .option('--seed <n>', 'of the random choices', seed, 1)
    .option('--json', 'print {text,tokens}')
    .addHelpText('after', '\nA generation_config.json of the model takes the place of the defaults.')
    .action(async (name: string, options: GenerateOptions) =>
      (await commands()).generateText(environment(), name, options),
    );
}

function tokenList(text: string): number[] {
  if (!/^\s*\d+(\s*,\s*\d+)*\s*$/.test(text))
    throw new InvalidArgumentError('It must be a list of tokens, such as 1,2,3.');
  return text.split(',').map(Number);
}

/** `Number` alone would read an empty text as 0. */
function number(text: string): number {
  return text.trim() === '' ? NaN : Number(text);
}

function count(minimum: number): (text: string) => number {
  return (text) => {
    const value = number(text);
    if (!Number.isSafeInteger(value) || value < minimum)
      throw new InvalidArgumentError(`It must be a whole number from ${String(minimum)}.`);
    return value;
  };
}

function temperature(text: string): number {
  const value = number(text);
  if (!(value >= 0) || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number from 0.');
  return value;
}

function share(text: string): number {
  const value = number(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('It must be above 0 and at most 1.');
  return value;
}

function seed(text: string): number {
  const value = number(text);
  if (!Number.isInteger(value) || value < 0 || value > MAXIMUM_SEED)
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${String(MAXIMUM_SEED)}.`);
  return value;
}
