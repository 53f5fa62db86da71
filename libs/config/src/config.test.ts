import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import {
  ConfigurationError,
  configurationHash,
  environment,
  loadPresets,
  readConfiguration,
  resolveConfiguration,
} from './index.js';

function problemsOf(action: () => unknown) {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('resolveConfiguration', () => {
  it('fills in defaults and freezes every section', () => {
    const configuration = resolveConfiguration({ name: 'a', model: { layers: 2 } });
    expect(configuration.model).toMatchObject({ layers: 2, heads: 4, width: 128 });
    expect(configuration.optimise.kl.controller).toBe('adaptive');
    expect('simulatedLabelers' in configuration.collect).toBe(false);
    expect(Object.isFrozen(configuration.optimise.kl)).toBe(true);
  });

  it('keeps the keys of the model that may be absent, and adds none', () => {
    const plain = resolveConfiguration({ name: 'a' });
    expect(Object.keys(plain.model).sort()).toEqual(['context', 'heads', 'layers', 'vocabulary', 'width']);
    const model = { dropout: 0.1, activation: 'gelu', tiedEmbeddings: false };
    expect(resolveConfiguration({ name: 'a', model }).model).toEqual({ ...plain.model, ...model });
  });

  it.each<[string, object, string, string]>([
    ['a dropout of everything', { model: { dropout: 1 } }, 'model.dropout', 'must be below 1'],
    ['a negative dropout', { model: { dropout: -0.1 } }, 'model.dropout', 'must not be less than 0'],
    ['an unknown activation', { model: { activation: 'relu' } }, 'model.activation', 'gelu_new, gelu'],
    ['a word for yes', { model: { tiedEmbeddings: 'yes' } }, 'model.tiedEmbeddings', 'boolean'],
    ['an unknown key', { modle: {} }, 'modle', 'unknown key'],
    ['an unknown nested key', { optimise: { kl: { tarjet: 6 } } }, 'optimise.kl.tarjet', 'unknown key'],
    ['a string for a number', { model: { width: '128' } }, 'model.width', 'must be an integer number'],
    ['a number for a string', { name: 5 }, 'name', 'must be a string'],
    ['infinity', { sample: { temperature: Infinity } }, 'sample.temperature', 'finite'],
    ['a fraction of a count', { pretrain: { batch: 1.5 } }, 'pretrain.batch', 'integer'],
    ['a value for a section', { model: 3 }, 'model', 'must be an object'],
    ['null for a value', { seed: null }, 'seed', 'must'],
    [
      'a width the heads do not divide',
      { model: { width: 100, heads: 3 } },
      'model.width',
      'divisible by model.heads (3)',
    ],
    [
      'sequences beyond the context',
      { model: { context: 40 } },
      'sample.responseTokens',
      'model.context (40)',
    ],
    ['no training comparisons', { sample: { comparisons: 10, heldOut: 10 } }, 'sample.heldOut', 'below'],
    ['a missing corpus file', { pretrain: { corpus: 'no/such.txt' } }, 'pretrain.corpus', 'no such file'],
    ['a step without its inputs', { step: 'sample' }, 'inputs.model', 'step sample needs it'],
    ['an input that is no id', { inputs: { model: 'abc' } }, 'inputs.model', '64 hexadecimal'],
    [
      'more judgements a comparison than there are simulated labelers',
      { collect: { judgementsPerComparison: 3, simulatedLabelers: 2 } },
      'collect.judgementsPerComparison',
      'simulatedLabelers is 2',
    ],
    [
      "a corpus among Plumbline's own files",
      { pretrain: { corpus: join(environment().home, 'secrets.json') } },
      'pretrain.corpus',
      "one of Plumbline's own files",
    ],
    [
      'a batch that accumulation does not divide',
      { pretrain: { batch: 10, accumulation: 4 } },
      'pretrain.batch',
      'divisible by pretrain.accumulation (4)',
    ],
    ['another schedule', { pretrain: { schedule: 'step' } }, 'pretrain.schedule', 'cosine, linear'],
    ['a decay rate of 1', { pretrain: { beta2: 1 } }, 'pretrain.beta2', 'below 1'],
    ['a negative weight decay', { pretrain: { weightDecay: -1 } }, 'pretrain.weightDecay', 'less than 0'],
    ['fine-tuning without data', { sft: {} }, 'sft.data', 'must be a string'],
    ['fine-tuning data that is not there', { sft: { data: 'no/rows.jsonl' } }, 'sft.data', 'no such file'],
    [
      'the step sft without its section',
      { step: 'sft', inputs: { model: 'a'.repeat(64) } },
      'sft',
      'step sft needs its section',
    ],
    [
      'one response a prompt',
      { sample: { responsesPerPrompt: 1 } },
      'sample.responsesPerPrompt',
      'less than 2',
    ],
    [
      'more responses than labelers can rank',
      { sample: { responsesPerPrompt: 10 } },
      'sample.responsesPerPrompt',
      'greater than 9',
    ],
    [
      'K-way comparisons for people',
      { sample: { responsesPerPrompt: 3 } },
      'sample.responsesPerPrompt',
      '3 responses need collect.simulatedLabelers',
    ],
    [
      'an aggregate of one reward model',
      { reward: { aggregation: 'conservative' } },
      'reward.aggregation',
      'reward.ensemble must be at least 2',
    ],
    [
      'a conservatism that nothing uses',
      { reward: { ensemble: 2, conservatism: 1 } },
      'reward.conservatism',
      'is for reward.aggregation: conservative',
    ],
    ['another margin', { reward: { margin: 'huge' } }, 'reward.margin', 'small, large, recorded'],
    [
      'margins by a confidence that nobody gives',
      { reward: { margin: 'small' } },
      'reward.margin',
      'labelers do not say how sure they are',
    ],
    [
      'weights of labelers that nobody records',
      { reward: { labelerWeights: 'equal' } },
      'reward.labelerWeights',
      'needs collect.recordLabelers',
    ],
    [
      'a negative weight of a labeler',
      { reward: { labelerWeights: { 'labeler-1': -1 } } },
      'reward.labelerWeights',
      'each a finite number from 0',
    ],
    ['a seed beyond 32 bits', { seed: 2 ** 32 }, 'seed', 'must not be greater'],
  ])('refuses %s with the path of the key', (_, input, path, message) => {
    const problems = problemsOf(() => resolveConfiguration({ name: 'a', ...input }));
    expect(problems).toHaveLength(1);
    expect(problems[0]!.path).toBe(path);
    expect(problems[0]!.message).toContain(message);
  });

  it('takes K-way comparisons by simulated labelers, and reward options where there is something to go by', () => {
    const kWay = {
      sample: { responsesPerPrompt: 9 },
      collect: { simulatedLabelers: 2, recordLabelers: true },
    };
    const ensemble = { ensemble: 3, aggregation: 'conservative', conservatism: 0.5, centring: 0.01 };
    const reward = { ...ensemble, labelerWeights: { 'labeler-1': 0.5 } };
    const resolved = resolveConfiguration({ name: 'a', ...kWay, reward });
    expect(resolved.sample.responsesPerPrompt).toBe(9);
    expect(resolved.reward).toMatchObject(reward);
    expect(Object.keys(resolveConfiguration({ name: 'a' }).reward).sort()).toEqual([
      'batch',
      'checkpointEvery',
      'epochs',
      'learningRate',
    ]);
    const imported = { comparisons: 'a'.repeat(64), preferences: 'b'.repeat(64), model: 'c'.repeat(64) };
    const margins = { margin: 'large', confidenceWeights: true, labelerWeights: 'equal' };
    const alone = resolveConfiguration({ name: 'a', step: 'reward', inputs: imported, reward: margins });
    expect(alone.reward).toMatchObject(margins);
  });

  it('has the optional step only where it is configured, its data located', () => {
    expect('sft' in resolveConfiguration({ name: 'a' })).toBe(false);
    const folder = mkdtempSync(join(tmpdir(), 'plumbline-config-'));
    writeFileSync(join(folder, 'rows.jsonl'), '');
    const input = { name: 'a', sft: { data: 'rows.jsonl' } };
    const { sft } = resolveConfiguration(input, { baseDirectory: folder });
    expect(sft).toMatchObject({
      data: join(folder, 'rows.jsonl'),
      epochs: 1,
      schedule: 'cosine',
      beta2: 0.95,
    });
    expect('evaluateEvery' in sft!).toBe(false);
  });

  it('takes a folder as a corpus', () => {
    const folder = mkdtempSync(join(tmpdir(), 'plumbline-config-'));
    expect(resolveConfiguration({ name: 'a', pretrain: { corpus: folder } }).pretrain.corpus).toBe(folder);
  });

  it("refuses a folder that holds Plumbline's home, but for one that is hidden and so not read", () => {
    const folder = mkdtempSync(join(tmpdir(), 'plumbline-config-'));
    const resolved = () => resolveConfiguration({ name: 'a', pretrain: { corpus: folder } });
    try {
      vi.stubEnv('PLUMBLINE_HOME', join(folder, 'home'));
      expect(problemsOf(resolved)[0]!.message).toContain("holds Plumbline's own files");
      vi.stubEnv('PLUMBLINE_HOME', join(folder, '.plumbline'));
      expect(resolved().pretrain.corpus).toBe(folder);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('reports every problem at once', () => {
    const problems = problemsOf(() => resolveConfiguration({ model: { layers: 0 }, colour: 1 }));
    expect(problems.map(({ path }) => path).sort()).toEqual(['colour', 'model.layers', 'name']);
  });

  it('refuses what is no mapping', () => {
    expect(problemsOf(() => resolveConfiguration([1]))[0]!.message).toContain('mapping');
  });

  it('takes a key away by an override of null', () => {
    const input = { name: 'a', seed: 9, collect: { simulatedLabelers: 4 } };
    const overrides = [
      { path: 'collect.simulatedLabelers', value: null },
      { path: 'seed', value: null },
    ];
    const without = resolveConfiguration(input, { overrides });
    expect(without).toEqual(resolveConfiguration({ name: 'a' }));
  });

  it('applies overrides before validating, and refuses paths that are none', () => {
    const overrides = [{ path: 'optimise.kl.target', value: 3 }];
    expect(resolveConfiguration({ name: 'a' }, { overrides }).optimise.kl.target).toBe(3);
    const through = [{ path: 'seed.x', value: 3 }];
    expect(
      problemsOf(() => resolveConfiguration({ name: 'a', seed: 1 }, { overrides: through }))[0]!.path,
    ).toBe('seed.x');
    const proto = [{ path: '__proto__.x', value: 3 }];
    expect(problemsOf(() => resolveConfiguration({ name: 'a' }, { overrides: proto }))).toHaveLength(1);
  });

  it('hashes the resolved configuration, whatever the order of its keys', () => {
    const a = resolveConfiguration({ name: 'a', seed: 2 });
    const b = resolveConfiguration({ seed: 2, name: 'a', model: { heads: 4 } });
    expect(configurationHash(a)).toBe(configurationHash(b));
    expect(configurationHash(a)).not.toBe(configurationHash(resolveConfiguration({ name: 'a', seed: 3 })));
  });
});

describe('policy optimisation', () => {
  const optimise = (settings: object, rest: object = {}) =>
    resolveConfiguration({ name: 'a', optimise: settings, ...rest }).optimise;

  it('fills in what a published preset says, and lets explicit keys override it', () => {
    const openai = resolveConfiguration({ name: 'a', optimise: { preset: 'openai-2019-style', batch: 64 } });
    expect(openai.sample.temperature).toBe(0.7);
    expect(openai.optimise).toMatchObject({
      preset: 'openai-2019-style',
      algorithm: 'ppo',
      episodes: 1_000_000,
      batch: 64,
      epochs: 4,
      learningRate: 1e-5,
      schedule: 'linear',
      clip: 0.2,
      valueClip: 0.2,
      valueCoefficient: 0.1,
      gamma: 1,
      lambda: 0.95,
      whitenRewards: true,
      missingEndOfText: { rule: 'constant', value: -1 },
      adam: { form: 'tensorflow1' },
      value: { network: 'shared' },
      kl: { controller: 'adaptive', coefficient: 0.15, target: 6, horizon: 10_000 },
    });
    const overridden = optimise({ preset: 'openai-2019-style', kl: { target: 3 } });
    expect(overridden.kl).toMatchObject({ target: 3, coefficient: 0.15 });
    expect(optimise({ preset: 'summarisation-2020' })).toMatchObject({
      batch: 512,
      learningRate: 1.5e-5,
      value: { network: 'separate', start: 'reward' },
      kl: { controller: 'fixed', coefficient: 0.05 },
    });
  });

  it('gives an algorithm its own section and habits, and no other its', () => {
    expect(optimise({ algorithm: 'grpo' })).toMatchObject({
      epochs: 1,
      grpo: { responsesPerPrompt: 8 },
      kl: { controller: 'fixed', coefficient: 0.04, estimator: 'k3', placement: 'loss' },
    });
    expect(optimise({ algorithm: 'rloo', epochs: 2 })).toMatchObject({
      epochs: 2,
      rloo: { responsesPerPrompt: 4 },
      kl: { controller: 'fixed', coefficient: 0.05 },
    });
    expect(optimise({ algorithm: 'dpo' }).dpo).toEqual({ beta: 0.1, loss: 'sigmoid' });
    expect(optimise({ algorithm: 'best-of-n' }).bestOfN).toEqual({ n: 4 });
    for (const key of ['rloo', 'grpo', 'dpo', 'bestOfN']) expect(optimise({})).not.toHaveProperty(key);
  });

  it.each<[string, object, string, string]>([
    ['a batch that minibatches do not divide', { minibatches: 5 }, 'batch', 'minibatches (5)'],
    ['a minibatch that accumulation does not', { minibatches: 4, accumulation: 3 }, 'accumulation', 'of 16'],
    ['a batch that prompts do not', { algorithm: 'rloo', batch: 10 }, 'batch', 'rloo.responsesPerPrompt (4)'],
    [
      'a group of one',
      { algorithm: 'grpo', grpo: { responsesPerPrompt: 1 } },
      'grpo.responsesPerPrompt',
      '2',
    ],
    ["another algorithm's section", { rloo: {} }, 'rloo', 'algorithm ppo does not read it'],
    ['what an algorithm does not read', { algorithm: 'grpo', value: {} }, 'value', 'does not read it (ppo)'],
    ['whitened rewards without tokens', { algorithm: 'rloo', whitenRewards: true }, 'whitenRewards', '(ppo)'],
    ['k1 in the loss', { kl: { placement: 'loss' } }, 'kl.estimator', 'gradient of mean 0'],
    [
      'a shared network with a start',
      { value: { network: 'shared', start: 'reward' } },
      'value.start',
      'policy',
    ],
    ['DPO in minibatches', { algorithm: 'dpo', minibatches: 2 }, 'minibatches', 'must be 1'],
    [
      'labels that say nothing',
      { algorithm: 'dpo', dpo: { labelSmoothing: 0.5 } },
      'dpo.labelSmoothing',
      'below 0.5',
    ],
    ['an unknown preset', { preset: 'openai-2020' }, 'preset', 'openai-2019-style, summarisation-2020'],
    ['an unknown algorithm', { algorithm: 'trpo' }, 'algorithm', 'best-of-n'],
  ])('refuses %s', (_, settings, key, message) => {
    const problems = problemsOf(() => optimise(settings));
    expect(problems).toHaveLength(1);
    expect(problems[0]!.path).toBe(`optimise.${key}`);
    expect(problems[0]!.message).toContain(message);
  });

  it('needs the preferences for DPO alone', () => {
    const id = 'a'.repeat(64);
    const step = { step: 'optimise', inputs: { model: id, reward: id } };
    expect(optimise({}, step).algorithm).toBe('ppo');
    const problems = problemsOf(() => optimise({ algorithm: 'dpo' }, step));
    expect(problems.map(({ path }) => path)).toEqual(['inputs.comparisons', 'inputs.preferences']);
  });
});

describe('presets and files', () => {
  it('every preset resolves and says what it is', () => {
    const presets = loadPresets();
    expect(presets.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['demo', 'overoptimisation', 'sentiment', 'smoke']),
    );
    for (const { name, description, configuration } of presets) {
      expect(resolveConfiguration(configuration).name).toBe(name);
      expect(description).not.toBe('');
    }
  });
  it('names an unknown preset, a missing file, and the place where YAML breaks', () => {
    expect(problemsOf(() => readConfiguration('nosuch'))[0]!.message).toMatch(/; there are .*demo,.* smoke/);
    expect(problemsOf(() => readConfiguration('no/such.yaml'))[0]!.message).toBe(
      'no such file: no/such.yaml',
    );
    const file = join(mkdtempSync(join(tmpdir(), 'plumbline-config-')), 'run.yaml');
    writeFileSync(file, 'name: a\nmodel: {layers: 2\n');
    expect(problemsOf(() => readConfiguration(file))[0]!.message).toMatch(new RegExp(`^${file}:\\d+:\\d+: `));
  });
});

describe('environment', () => {
  it('has defaults and names a variable that makes no sense', () => {
    expect(environment({}).artifactsUrl).toMatch(/^file:.*\.plumbline\/artifacts$/);
    expect(() => environment({ PLUMBLINE_API_PORT: '99999' })).toThrow('PLUMBLINE_API_PORT');
    expect(() => environment({ PLUMBLINE_DEVICE: 'tpu' })).toThrow('PLUMBLINE_DEVICE');
  });
});
