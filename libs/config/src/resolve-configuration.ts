import { createHash } from 'node:crypto';
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import {
  OPTIONAL_STEPS,
  STEP_IO,
  type OptionalStepName,
  type RunConfiguration,
  type StepName,
} from '@plumbline/contracts';
import { instanceToPlain, plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { environment } from './environment.js';
import { ConfigurationError, type ConfigurationProblem } from './configuration-error.js';
import { optimiseProblems } from './optimise-checks.js';
import { withOptimiseDefaults } from './optimise-defaults.js';
import { applyOverrides, type ConfigurationOverride } from './overrides.js';
import { RunSections } from './sections.js';
import { studyProblems } from './study.js';

/** Corpora that packages ship; anything else is a path. */
export const PACKAGE_CORPORA: readonly string[] = ['sotu', 'moby-dick'];

export interface ResolveOptions {
  readonly overrides?: readonly ConfigurationOverride[];
  /** Relative paths of text and data start here; default: the working directory. */
  readonly baseDirectory?: string;
}

/**
 * Validates a configuration, fills in the defaults and freezes it.
 * @throws ConfigurationError with every problem and the path of its key
 */
export function resolveConfiguration(input: unknown, options: ResolveOptions = {}): RunConfiguration {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new ConfigurationError([{ path: '', message: 'the configuration must be a mapping of sections' }]);
  }
  const plain = withOptimiseDefaults(applyOverrides(input, options.overrides ?? []));
  const sections = plainToInstance(RunSections, plain, { exposeDefaultValues: true });
  const errors = validateSync(sections, { whitelist: true, forbidNonWhitelisted: true });
  const problems = errors.flatMap((error) => flatten(error, ''));
  if (problems.length > 0) throw new ConfigurationError(problems);

  const configuration = instanceToPlain(sections, { exposeUnsetFields: false }) as RunConfiguration;
  const located = locateFiles(configuration, options.baseDirectory ?? process.cwd());
  const conflicts = crossChecks(located);
  if (conflicts.length > 0) throw new ConfigurationError(conflicts);
  return deepFreeze(located);
}

/** SHA-256 (hex) of the resolved configuration, its keys sorted. */
export function configurationHash(configuration: RunConfiguration): string {
  return createHash('sha256')
    .update(JSON.stringify(sortKeys(configuration)))
    .digest('hex');
}

function flatten(error: ValidationError, prefix: string): ConfigurationProblem[] {
  const path = prefix === '' ? error.property : `${prefix}.${error.property}`;
  const children = (error.children ?? []).flatMap((child) => flatten(child, path));
  const constraints = error.constraints ?? {};
  if ('whitelistValidation' in constraints) return [{ path, message: 'unknown key' }];
  const broken = TYPE_CONSTRAINTS.find((name) => name in constraints) ?? Object.keys(constraints)[0];
  if (broken === undefined) return children;
  const message = constraints[broken]!;
  const withoutKey = message.startsWith(`${error.property} `)
    ? message.slice(error.property.length + 1)
    : message;
  return [{ path, message: withoutKey }, ...children];
}

/** Told before any other: a value of the wrong type breaks the limits of the right one, too. */
const TYPE_CONSTRAINTS = ['isObject', 'isInt', 'isNumber', 'isString', 'isBoolean'];

/** The configuration with absolute paths: it is read elsewhere than it was written. */
function locateFiles(configuration: RunConfiguration, baseDirectory: string): RunConfiguration {
  const { pretrain, sft } = configuration;
  const corpus = PACKAGE_CORPORA.includes(pretrain.corpus)
    ? pretrain.corpus
    : resolve(baseDirectory, pretrain.corpus);
  return {
    ...configuration,
    pretrain: { ...pretrain, corpus },
    ...(sft && { sft: { ...sft, data: resolve(baseDirectory, sft.data) } }),
  };
}

/** Sizes that must divide or fit one another, inputs that must be there, files that must exist. */
function crossChecks(configuration: RunConfiguration): ConfigurationProblem[] {
  const { model, pretrain, sft, sample, collect, step, inputs } = configuration;
  const problems: ConfigurationProblem[] = [];
  const refuse = (path: string, message: string) => problems.push({ path, message });

  if (model.width % model.heads !== 0) {
    refuse('model.width', `${model.width} must be divisible by model.heads (${model.heads})`);
  }
  const sequence = sample.promptTokens + sample.responseTokens;
  if (sequence > model.context) {
    refuse(
      'sample.responseTokens',
      `promptTokens + responseTokens (${sequence}) must fit model.context (${model.context})`,
    );
  }
  if (sample.heldOut >= sample.comparisons) {
    refuse('sample.heldOut', `${sample.heldOut} must be below sample.comparisons (${sample.comparisons})`);
  }
  const { judgementsPerComparison, simulatedLabelers } = collect;
  if (simulatedLabelers !== undefined && judgementsPerComparison > simulatedLabelers) {
    refuse(
      'collect.judgementsPerComparison',
      `${judgementsPerComparison} different labelers must judge each comparison; ` +
        `collect.simulatedLabelers is ${simulatedLabelers}`,
    );
  }
  if (step === undefined && simulatedLabelers === undefined && sample.responsesPerPrompt > 2) {
    refuse(
      'sample.responsesPerPrompt',
      `${sample.responsesPerPrompt} responses need collect.simulatedLabelers: people compare two at a time`,
    );
  }
  problems.push(...rewardConflicts(configuration));
  problems.push(...optimiseProblems(configuration));
  problems.push(...studyProblems(configuration));
  if (step !== undefined) {
    for (const name of STEP_IO[step].needs) {
      if (inputs[name] === undefined) refuse(`inputs.${name}`, `step ${step} needs it`);
    }
  }
  if (step !== undefined && stepIsOptional(step) && configuration[step] === undefined) {
    refuse(step, `step ${step} needs its section`);
  }
  for (const [section, settings] of Object.entries({ pretrain, ...(sft && { sft }) })) {
    if (settings.batch % settings.accumulation !== 0) {
      refuse(
        `${section}.batch`,
        `${settings.batch} must be divisible by ${section}.accumulation (${settings.accumulation})`,
      );
    }
  }
  if (!PACKAGE_CORPORA.includes(pretrain.corpus)) {
    const problem = pathProblem(pretrain.corpus);
    if (problem !== null) {
      refuse('pretrain.corpus', `${problem} (package corpora: ${PACKAGE_CORPORA.join(', ')})`);
    }
  }
  if (sft !== undefined) {
    const problem = pathProblem(sft.data);
    if (problem !== null) refuse('sft.data', problem);
  }
  return problems;
}

/** Options of the reward model that would do nothing, or have nothing to go by. */
function rewardConflicts({ step, collect, reward }: RunConfiguration): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = [];
  const refuse = (path: string, message: string) => problems.push({ path, message });
  if (reward.aggregation !== undefined && (reward.ensemble ?? 1) === 1) {
    refuse('reward.aggregation', 'is for an ensemble: reward.ensemble must be at least 2');
  }
  if (reward.conservatism !== undefined && reward.aggregation !== 'conservative') {
    refuse('reward.conservatism', 'is for reward.aggregation: conservative');
  }
  if (step !== undefined) return problems;
  const isAsked =
    'labelers do not say how sure they are; import preferences that do, and run step reward on them';
  if (reward.margin !== undefined) refuse('reward.margin', isAsked);
  if (reward.confidenceWeights === true) refuse('reward.confidenceWeights', isAsked);
  if (reward.labelerWeights !== undefined && collect.recordLabelers !== true) {
    refuse('reward.labelerWeights', 'needs collect.recordLabelers: true');
  }
  return problems;
}

function stepIsOptional(step: StepName): step is OptionalStepName {
  return (OPTIONAL_STEPS as readonly StepName[]).includes(step);
}

/** What keeps a file or folder from being trained on. */
function pathProblem(path: string): string | null {
  if (isPlumblinesOwn(path)) return `${path} is one of Plumbline's own files`;
  try {
    const stats = statSync(path);
    if (!stats.isFile() && !stats.isDirectory()) return `${path} is neither a file nor a folder`;
    accessSync(path, constants.R_OK);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? `no such file: ${path}`
      : `cannot be read: ${path}`;
  }
  return holdsPlumblinesOwn(path) ? `${path} holds Plumbline's own files` : null;
}

/** What Plumbline keeps in its home. Text that is trained on can be read again, and some of this is secret. */
const OWN_ENTRIES = [
  'artifacts',
  'bin',
  'credentials.json',
  'logs',
  'postgres',
  'reports',
  'run',
  'secrets.json',
  'temporal',
  'tensorflow',
];

function isPlumblinesOwn(path: string): boolean {
  const [entry = '', ...below] = relative(realPath(environment().home), realPath(path)).split(sep);
  return OWN_ENTRIES.includes(entry) || (entry === '' && below.length === 0);
}

/** Whether reading the folder would come to Plumbline's home. What is hidden is not read. */
function holdsPlumblinesOwn(path: string): boolean {
  const below = relative(realPath(path), realPath(environment().home)).split(sep);
  return below[0] !== '..' && !below.some((entry) => entry.startsWith('.'));
}

/** With symbolic links followed, where there is something to follow. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sortKeys(member)]));
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) deepFreeze(member as object);
  }
  return Object.freeze(value);
}
