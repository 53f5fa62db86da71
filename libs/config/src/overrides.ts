import { ConfigurationError } from './configuration-error.js';

/** `--set path=value`: replaces one value of a configuration before it is validated. */
export interface ConfigurationOverride {
  /** Dotted: `optimise.kl.target`. */
  readonly path: string;
  /** null takes the key away, so that its default holds. */
  readonly value: unknown;
}

const UNSAFE = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * A copy of `input` with the overrides applied; sections that are absent are made.
 * @throws ConfigurationError when a path is empty or goes through a value that is no section
 */
export function applyOverrides(
  input: unknown,
  overrides: readonly ConfigurationOverride[],
): Record<string, unknown> {
  const result = structuredClone(input) as Record<string, unknown>;
  for (const { path, value } of overrides) {
    const keys = path.split('.');
    if (keys.some((key) => key === '' || UNSAFE.has(key))) {
      throw new ConfigurationError([{ path, message: 'not a key of the configuration' }]);
    }
    let section = result;
    for (const key of keys.slice(0, -1)) {
      section[key] ??= {};
      const next = section[key];
      if (typeof next !== 'object' || next === null || Array.isArray(next)) {
        throw new ConfigurationError([{ path, message: `${key} is a value, not a section` }]);
      }
      section = next as Record<string, unknown>;
    }
    if (value === null) delete section[keys.at(-1)!];
    else section[keys.at(-1)!] = value;
  }
  return result;
}
