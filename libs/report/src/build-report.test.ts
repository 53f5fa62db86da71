import { DEFAULT_TEXT_KEY, TRAINING_DEFAULTS, type Estimate, type FrontierPoint } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { buildReport } from './build-report.js';
import { runningMean } from './figures/line-figure.js';
import type { ReportInput, Series } from './report-input.js';

const hash = (digit: string): string => digit.repeat(64);
const estimate = (value: number, spread = 0.03, n = 512): Estimate => ({
  value,
  low: value - spread,
  high: value + spread,
  n,
});
const frontierPoint = (kl: number, gold: number, proxy: number): FrontierPoint => ({
  kl: estimate(kl, 0.1 * kl),
  goldReward: estimate(gold),
  proxyReward: estimate(proxy, 0.06),
  goldWinRate: estimate(0.5 + gold / 2),
});
const curve = (length: number, at: (i: number) => number): Series =>
  Array.from({ length }, (_, i) => [i, at(i) + 0.05 * Math.sin(i * 7.3)]);

const input: ReportInput = {
  run: {
    runId: '0d1c',
    name: 'a <b>bold</b> & "quoted" name',
    preset: 'demo',
    status: 'completed',
    startedBy: 'researcher@example.org',
    createdAt: '2026-11-23T21:00:00.000Z',
    startedAt: '2026-11-23T21:00:02.000Z',
    finishedAt: '2026-11-23T21:11:42.000Z',
    commit: 'c'.repeat(40),
    dirty: false,
    lockfileHash: hash('1'),
    configurationHash: hash('2'),
    versions: { tfjs: '4.22.0', tensorflow: '2.21.0' },
    machine: { processor: 'x64', cores: 2 },
    forkedFrom: null,
  },
  configuration: {
    name: 'n',
    seed: 1,
    inputs: {},
    model: { layers: 4, heads: 4, width: 128, context: 64, vocabulary: 1024 },
    pretrain: {
      ...TRAINING_DEFAULTS,
      textKey: DEFAULT_TEXT_KEY,
      corpus: 'sotu',
      tokens: 1,
      batch: 1,
      learningRate: 1,
      warmup: 0,
      checkpointEvery: 1,
    },
    sample: {
      promptTokens: 24,
      responseTokens: 24,
      responsesPerPrompt: 2,
      comparisons: 3000,
      temperature: 1,
      heldOut: 500,
    },
    collect: { judgementsPerComparison: 1, simulatedLabelers: 4, guideline: 'g', simulatedNoise: 0.3 },
    reward: { epochs: 1, batch: 32, learningRate: 1, checkpointEvery: 1 },
    optimise: {
      algorithm: 'ppo',
      episodes: 1,
      batch: 1,
      epochs: 1,
      minibatches: 1,
      learningRate: 1,
      clip: 0.2,
      valueClip: 0.2,
      valueCoefficient: 0.1,
      gamma: 1,
      lambda: 0.95,
      whitenRewards: false,
      kl: { controller: 'adaptive', coefficient: 0.15, target: 6, horizon: 10_000 },
      checkpointEvery: 1,
    },
    evaluate: { prompts: 512, bestOf: 4 },
  },
  steps: [
    {
      name: 'pretrain',
      status: 'completed',
      startedAt: '2026-11-23T21:00:02.000Z',
      finishedAt: '2026-11-23T21:04:02.000Z',
      inputs: {},
      outputs: { model: hash('a') },
      checkpoints: [
        { index: 400, id: hash('8') },
        { index: 800, id: hash('a') },
      ],
      warnings: [],
      metrics: {
        loss: curve(300, (i) => 3.2 + 3.5 * Math.exp(-i / 60)),
        heldOutLoss: [
          [0, 6.9],
          [100, 4.1],
          [200, 3.5],
          [299, 3.4],
        ],
      },
    },
    {
      name: 'reward',
      status: 'completed',
      startedAt: '2026-11-23T21:06:00.000Z',
      finishedAt: '2026-11-23T21:07:10.500Z',
      inputs: { model: hash('a') },
      outputs: { reward: hash('b') },
      checkpoints: [{ index: 90, id: hash('b') }],
      warnings: [],
      metrics: { loss: curve(90, (i) => 0.7 - i / 600), heldOutAccuracy: [[90, 0.66]] },
    },
    {
      name: 'optimise',
      status: 'completed',
      startedAt: '2026-11-23T21:07:12.000Z',
      finishedAt: '2026-11-23T21:11:00.000Z',
      inputs: { model: hash('a'), reward: hash('b') },
      outputs: { policy: hash('d') },
      checkpoints: [{ index: 150, id: hash('d') }],
      warnings: [{ kind: 'gold-falls', index: 90, message: 'the gold reward fell from 0.4 to <0.3>' }],
      metrics: {
        'objective/scores': curve(150, (i) => 1.6 - 1.6 * Math.exp(-i / 50)),
        'objective/rlhf_reward': curve(150, (i) => 1 - Math.exp(-i / 50)),
        'objective/kl': curve(150, (i) => 7 - 7 * Math.exp(-i / 50)),
        'objective/entropy': curve(150, (i) => 70 - i / 10),
        'policy/clipfrac_avg': curve(150, () => 0.12),
        'loss/value_avg': curve(150, (i) => 0.2 + 0.5 * Math.exp(-i / 20)),
        beta: curve(150, (i) => 0.1 + i / 5000),
      },
    },
  ],
  collection: { ranked: 2190, ties: 810, bothBad: 0, simulated: 3000, labelers: 4 },
  evaluation: {
    kind: 'evaluation',
    prompts: 512,
    bestOf: 4,
    goldReward: { pretrained: estimate(0.06), policy: estimate(0.41), bestOf: estimate(0.24) },
    proxyReward: { pretrained: estimate(0.01), policy: estimate(1.7), bestOf: estimate(0.9) },
    goldWinRate: { policy: estimate(0.7465), bestOf: estimate(0.641) },
    kl: estimate(7.28, 0.4),
    bestOfKlBound: 0.636,
    frontier: {
      samples: 16,
      pretrained: { goldReward: estimate(0.06), proxyReward: estimate(0.01) },
      policy: [
        { index: 10, checkpoint: hash('3'), ...frontierPoint(1.1, 0.25, 0.7) },
        { index: 20, checkpoint: hash('4'), ...frontierPoint(3.2, 0.38, 1.3) },
        { index: 30, checkpoint: hash('5'), ...frontierPoint(5.6, 0.42, 1.6) },
        { index: 40, checkpoint: hash('d'), ...frontierPoint(7.3, 0.41, 1.7) },
      ],
      bestOf: [
        { n: 2, ...frontierPoint(0.193, 0.16, 0.5) },
        { n: 4, ...frontierPoint(0.636, 0.24, 0.9) },
        { n: 8, ...frontierPoint(1.204, 0.29, 1.2) },
        { n: 16, ...frontierPoint(1.835, 0.32, 1.5) },
      ],
      fits: {
        policy: {
          alpha: estimate(0.23, 0.02, 4),
          beta: estimate(0.1, 0.02, 4),
          peak: { distance: 3.7, low: 2.6, high: null },
        },
        bestOf: {
          alpha: estimate(0.3, 0.02, 4),
          beta: estimate(0.08, 0.02, 4),
          peak: { distance: 1.9, low: 1.5, high: 2.6 },
        },
      },
    },
    rewardModel: {
      accuracy: estimate(0.683, 0.04, 431),
      noiseCeiling: 0.79,
      accuracyAgainstGold: estimate(0.78),
      calibration: {
        bins: [
          { low: 0.5, high: 0.55, predicted: 0.526, agreement: estimate(0.54, 0.05, 210) },
          { low: 0.6, high: 0.65, predicted: 0.62, agreement: estimate(0.66, 0.05, 150) },
          { low: 0.95, high: 1, predicted: 0.97, agreement: estimate(0.86, 0.08, 71) },
        ],
        expectedCalibrationError: 0.0437,
      },
      accuracyByAgreement: { unanimous: estimate(0.81, 0.03, 300), split: estimate(0.58, 0.05, 120) },
    },
    samples: Array.from({ length: 3 }, (_, i) => ({
      prompt: `Prompt ${i}: that the relations of the United States with`,
      pretrained: ' <script>alert("pretrained")</script> the war of the States',
      policy: ' all friendly powers are happy, and their peace & prosperity',
      bestOf: ' other nations continue on a footing\nof good understanding',
      goldPretrained: -0.46,
      goldPolicy: 0.9,
      goldBestOf: 0.46,
    })),
  },
};

describe('report', () => {
  const report = buildReport(input);
  // REPORT_FIXTURE=path writes the page for people who want to look at it.
  const target = process.env['REPORT_FIXTURE'];
  if (target) void import('node:fs').then(({ writeFileSync }) => writeFileSync(target, report.html));

  it('leads with the numbers of the evaluation', () => {
    expect(report.html).toContain('74.7 % of the time, ties counting half (95 % interval 71.7 to 77.7 %)');
    expect(report.html).toContain('at a KL of 7.3 nats per response');
    expect(report.html).toContain('68.3 %');
    expect(report.json.headline).toMatchObject({
      goldWinRate: { policy: { value: 0.7465 } },
      noiseCeiling: 0.79,
    });
  });

  it('shows text as text', () => {
    expect(report.html).not.toContain('<script');
    expect(report.html).not.toContain('<b>bold');
    expect(report.html).toContain('&lt;script&gt;alert(&quot;pretrained&quot;)&lt;/script&gt;');
    expect(report.html).toContain('<title>a &lt;b&gt;bold&lt;/b&gt; &amp; &quot;quoted&quot; name');
  });

  it('says what the curves warn of', () => {
    expect(report.html).toContain('<li>Iteration 90: the gold reward fell from 0.4 to &lt;0.3&gt;.</li>');
    expect(report.json.warnings).toMatchObject([{ step: 'optimise', kind: 'gold-falls', index: 90 }]);
  });

  it('asks nothing of the network', () => {
    const references =
      report.html.match(/\b(?:src|href|xlink:href)\s*=|@import|url\((?!#)|https?:\/\/[^"'\s<]+/g) ?? [];
    expect(references.filter((found) => !found.startsWith('http://www.w3.org/'))).toEqual([]);
  });

  it('describes every figure in words and takes its colours from the page', () => {
    const figures = report.html.match(/<svg /g)!.length;
    expect(report.html.match(/<svg role="img" aria-label="[^"]+/g)).toHaveLength(figures);
    expect(figures).toBe(4 + 2 + 9 + 2);
    expect(report.html).not.toMatch(/#01020[0-9a-f]/);
  });

  it('shows how far optimisation pays, and what the fits say of its end', () => {
    expect(report.html).toContain('How far does optimisation pay?');
    expect(report.html).toContain('highest at d 3.7 (2.6 to ∞)');
    expect(report.html).toContain('Best of 16');
    expect(report.json.frontier!.policy.map(({ index }) => index)).toEqual([10, 20, 30, 40]);
  });

  it('reads evaluations that have no frontier', () => {
    const { frontier: _, ...earlier } = input.evaluation!;
    const old = buildReport({ ...input, evaluation: earlier });
    expect(old.json.frontier).toBeNull();
    expect(old.html).not.toContain('How far does optimisation pay?');
    expect(old.html).toContain('Did the policy improve?');
  });

  it('shows how far the reward model can be trusted, where that was measured', () => {
    expect(report.html).toContain('Expected calibration error 0.044');
    expect(report.html).toContain('Judgements: 0.54 at 0.53, 0.66 at 0.62, 0.86 at 0.97');
    expect(report.html).toContain('They differ');
    const { calibration: _, accuracyByAgreement: __, ...earlier } = input.evaluation!.rewardModel;
    const old = buildReport({ ...input, evaluation: { ...input.evaluation!, rewardModel: earlier } });
    expect(old.json.rewardModel).toEqual({ calibration: null, accuracyByAgreement: null });
    expect(old.html).not.toContain('calibration error');
    expect(old.html).toContain('Reward-model loss');
  });

  it('gives every figure ids of its own', () => {
    const ids = [...report.html.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id);
    expect(ids.length).toBeGreaterThan(0);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of report.html.matchAll(/url\(#([^)]+)\)/g)) expect(ids).toContain(id);
  });

  it('has equal bytes for equal input', () => {
    expect(buildReport(structuredClone(input))).toEqual(report);
  });

  it('names every artifact and checkpoint in full, with times', () => {
    for (const digit of ['a', 'b', 'd', '8', '2']) expect(report.html).toContain(hash(digit));
    expect(report.json.lineage.map(({ seconds }) => seconds)).toEqual([240, 70.5, 228]);
    expect(report.html).toContain('4 min 00 s');
  });

  it('gives no noise ceiling where people judged: nobody knows theirs', () => {
    const people = buildReport({ ...input, collection: { ...input.collection!, simulated: 12 } });
    expect(people.json.headline!.noiseCeiling).toBeNull();
    expect(people.html).not.toContain('noise ceiling');
  });

  it('reports a run that has no more than a failed step', () => {
    const failed = buildReport({
      ...input,
      run: { ...input.run, status: 'failed', startedAt: null, finishedAt: null, commit: null },
      steps: [
        { ...input.steps[0]!, status: 'failed', finishedAt: null, outputs: {}, checkpoints: [], metrics: {} },
      ],
      collection: null,
      evaluation: null,
    });
    expect(failed.json.headline).toBeNull();
    expect(failed.html).toContain('This run has no evaluation: it is failed');
    expect(failed.html).not.toContain('<svg');
  });
});

describe('running mean', () => {
  it('keeps a straight line and flattens noise', () => {
    const line: Series = [0, 1, 2, 3, 4].map((i) => [i, 2 * i]);
    expect(runningMean(line, 3).slice(1, 4)).toEqual(line.slice(1, 4));
    const noise = runningMean(
      Array.from({ length: 20 }, (_, i) => [i, i % 2]),
      5,
    );
    expect(Math.max(...noise.slice(2, -2).map(([, v]) => Math.abs(v - 0.5)))).toBeLessThanOrEqual(
      0.1 + 1e-12,
    );
  });
});
