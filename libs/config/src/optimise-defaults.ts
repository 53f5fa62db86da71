/** What fills in the keys of `optimise` that a configuration leaves out: its preset first, then its algorithm's habits. */
import { ALGORITHMS, OPTIMISE_PRESETS, type Algorithm, type OptimisePreset } from '@plumbline/contracts';
import { isSection, type PlainSection } from './plain-section.js';

/**
 * Settings of published work, of the whole configuration.
 *
 * - `openai-2019-style`: Ziegler et al. 2019 (arXiv:1909.08593), the style task, as openai/lm-human-preferences runs it:
 *   policy and value share a network, Adam is TensorFlow 1's, a response that does not end is worth −1.
 * - `summarisation-2020`: Stiennon et al. 2020 (arXiv:2009.01325), the 1.3B model: a value network of its own that
 *   starts as the reward model, β fixed.
 */
const PRESETS: Readonly<Record<OptimisePreset, PlainSection>> = {
  'openai-2019-style': {
    sample: { temperature: 0.7 },
    optimise: {
      algorithm: 'ppo',
      episodes: 1_000_000,
      batch: 512,
      epochs: 4,
      minibatches: 1,
      learningRate: 1e-5,
      schedule: 'linear',
      adam: { form: 'tensorflow1', epsilon: 1e-5 },
      clip: 0.2,
      valueClip: 0.2,
      valueCoefficient: 0.1,
      gamma: 1,
      lambda: 0.95,
      whitenRewards: true,
      missingEndOfText: { rule: 'constant', value: -1 },
      value: { network: 'shared' },
      kl: { controller: 'adaptive', coefficient: 0.15, target: 6, horizon: 10_000 },
    },
  },
  'summarisation-2020': {
    optimise: {
      algorithm: 'ppo',
      episodes: 1_000_000,
      batch: 512,
      epochs: 4,
      minibatches: 1,
      learningRate: 1.5e-5,
      schedule: 'linear',
      gamma: 1,
      lambda: 0.95,
      value: { network: 'separate', start: 'reward' },
      kl: { controller: 'fixed', coefficient: 0.05 },
    },
  },
};

const HELD_OUT = 64;

/** What an algorithm's authors, or those who made it known, run it with. Empty sections get their defaults. */
const HABITS: Readonly<Record<Algorithm, PlainSection>> = {
  ppo: { heldOutPrompts: HELD_OUT },
  rloo: { heldOutPrompts: HELD_OUT, epochs: 1, kl: { controller: 'fixed', coefficient: 0.05 }, rloo: {} },
  grpo: {
    heldOutPrompts: HELD_OUT,
    epochs: 1,
    kl: { controller: 'fixed', coefficient: 0.04, estimator: 'k3', placement: 'loss' },
    grpo: {},
  },
  dpo: { heldOutPrompts: HELD_OUT, epochs: 1, dpo: {} },
  'best-of-n': { bestOfN: {} },
};

/** The configuration with what its preset and its algorithm say wherever it says nothing. */
export function withOptimiseDefaults(configuration: PlainSection): PlainSection {
  const { optimise = {} } = configuration;
  if (!isSection(optimise)) return configuration;
  const { preset } = optimise;
  const filled = isOneOf(OPTIMISE_PRESETS, preset) ? merged(PRESETS[preset], configuration) : configuration;
  const { algorithm = 'ppo' } = (filled['optimise'] as PlainSection) ?? {};
  return isOneOf(ALGORITHMS, algorithm) ? merged({ optimise: HABITS[algorithm] }, filled) : filled;
}

/** `over`, with the keys of `under` where it has none, section by section. */
function merged(under: PlainSection, over: PlainSection): PlainSection {
  const result: Record<string, unknown> = { ...over };
  for (const [key, value] of Object.entries(under)) {
    const own = over[key];
    if (own === undefined) result[key] = value;
    else if (isSection(value) && isSection(own)) result[key] = merged(value, own);
  }
  return result;
}

function isOneOf<T>(names: readonly T[], name: unknown): name is T {
  return (names as readonly unknown[]).includes(name);
}
