import { describe, expect, it } from 'vitest';
import { forkedConfiguration } from './forked-configuration.js';
import type { ConfigurationOverride } from './overrides.js';
import { resolveConfiguration } from './resolve-configuration.js';

/** `optimise` of a run with these settings, forked with these. */
function forked(optimise: object, changes: Readonly<Record<string, unknown>>) {
  const original = resolveConfiguration({ name: 'run', optimise });
  const overrides: ConfigurationOverride[] = Object.entries(changes).map(([path, value]) => ({
    path: `optimise.${path}`,
    value,
  }));
  return resolveConfiguration(forkedConfiguration(original, overrides), { overrides }).optimise;
}

const fresh = (optimise: object) => resolveConfiguration({ name: 'run', optimise }).optimise;

describe('a fork with another algorithm or preset', () => {
  it.each(['ppo', 'rloo', 'grpo', 'dpo', 'best-of-n'])('has the defaults of %s', (algorithm) => {
    const from = algorithm === 'ppo' ? 'grpo' : 'ppo';
    expect(forked({ algorithm: from }, { algorithm })).toEqual(fresh({ algorithm }));
  });

  it('keeps what differed from the defaults, if the new algorithm reads it', () => {
    const own = { learningRate: 3e-4, batch: 128, kl: { target: 3 } };
    const ppo = { ...own, whitenRewards: true, value: { network: 'shared' } };
    expect(forked(ppo, { algorithm: 'grpo' })).toEqual(fresh({ ...own, algorithm: 'grpo' }));
  });

  it('lets other overrides have the last word', () => {
    expect(forked({}, { algorithm: 'grpo', 'kl.coefficient': 0.2, epochs: 3 })).toEqual(
      fresh({ algorithm: 'grpo', kl: { coefficient: 0.2 }, epochs: 3 }),
    );
  });

  it('has what a preset says, whatever came from another', () => {
    const preset = 'openai-2019-style';
    expect(forked({ checkpointEvery: 5 }, { preset })).toEqual(fresh({ checkpointEvery: 5, preset }));
    expect(forked({ preset }, { preset: 'summarisation-2020' })).toEqual(
      fresh({ preset: 'summarisation-2020' }),
    );
    expect(forked({ preset }, { algorithm: 'rloo' })).toEqual(fresh({ algorithm: 'rloo' }));
  });

  it('is the same where neither changes', () => {
    const optimise = { preset: 'summarisation-2020', learningRate: 1e-4 };
    expect(forked(optimise, { batch: 256 })).toEqual(fresh({ ...optimise, batch: 256 }));
    expect(forked(optimise, { algorithm: 'ppo' })).toEqual(fresh(optimise));
  });
});
