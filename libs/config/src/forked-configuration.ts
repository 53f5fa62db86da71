/** What a fork starts from when it optimises in another way than the run it comes from. */
import { isDeepStrictEqual } from 'node:util';
import type { OptimiseConfiguration, RunConfiguration } from '@plumbline/contracts';
import { READ_BY } from './optimise-checks.js';
import type { ConfigurationOverride } from './overrides.js';
import { isSection, type PlainSection } from './plain-section.js';
import { resolveConfiguration } from './resolve-configuration.js';

/** What `optimise` is chosen by; the other keys' defaults follow from these. */
const CHOICES = ['optimise.algorithm', 'optimise.preset'] as const;

/**
 * The configuration of a run as it was before the defaults of its algorithm and preset were filled in, where the
 * overrides choose others: the new ones' defaults then come in, rather than those that the run was resolved with. What
 * differed from the defaults stays, but for keys that the new algorithm does not read. Other overrides change nothing.
 * @param original resolved
 * @returns to be resolved with the overrides
 */
export function forkedConfiguration(
  original: RunConfiguration,
  overrides: readonly ConfigurationOverride[],
): object {
  const chosen = Object.fromEntries(CHOICES.map((path) => [path, lastOf(overrides, path)]));
  if (CHOICES.every((path) => chosen[path] === undefined)) return original;
  const { algorithm, preset } = original.optimise;
  const choice = { algorithm, ...(preset !== undefined && { preset }) };
  const defaults = resolveConfiguration({ name: original.name, optimise: choice }).optimise;
  const own = without(original.optimise as unknown as PlainSection, defaults as unknown as PlainSection);
  const next = chosen['optimise.algorithm'] ?? (chosen['optimise.preset'] === undefined ? algorithm : 'ppo');
  const isRead = (key: string): boolean => {
    const readers: readonly unknown[] | undefined = READ_BY[key as keyof OptimiseConfiguration];
    return readers === undefined || readers.includes(next);
  };
  const kept = Object.entries(own).filter(([key]) => isRead(key));
  return {
    ...original,
    optimise: {
      ...Object.fromEntries(kept),
      // A preset brings its algorithm, and an algorithm of its own means that no preset is wanted.
      ...(chosen['optimise.preset'] === undefined && next === algorithm && choice),
    },
  };
}

function lastOf(overrides: readonly ConfigurationOverride[], path: string): unknown {
  return overrides.findLast((override) => override.path === path)?.value;
}

/** The keys of `values` that are not as in `defaults`, section by section. */
function without(values: PlainSection, defaults: PlainSection): PlainSection {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => {
      const usual = defaults[key];
      if (isDeepStrictEqual(value, usual)) return [];
      return [[key, isSection(value) && isSection(usual) ? without(value, usual) : value]];
    }),
  );
}
