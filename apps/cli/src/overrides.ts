import type { ConfigurationOverride } from '@plumbline/config';
import { InvalidArgumentError } from 'commander';
import { parse } from 'yaml';

/** Collects `--set path=value`; the value is YAML, as it would stand in the file. */
export function collectOverride(
  text: string,
  before: readonly ConfigurationOverride[] = [],
): ConfigurationOverride[] {
  const at = text.indexOf('=');
  if (at < 1)
    throw new InvalidArgumentError('It must have the form path=value, such as optimise.kl.target=4.');
  const path = text.slice(0, at).trim();
  // An empty shell variable must not silently mean the default; `null` says that it does.
  if (text.slice(at + 1).trim() === '')
    throw new InvalidArgumentError(`${path} has no value; write ${path}=null for its default.`);
  try {
    return [...before, { path, value: parse(text.slice(at + 1)) as unknown }];
  } catch (error) {
    throw new InvalidArgumentError(`The value of ${path} is not valid YAML: ${(error as Error).message}`);
  }
}
