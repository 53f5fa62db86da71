import type { Estimate, FittedForm, Frontier, FrontierPoint, RunConfiguration } from '@plumbline/contracts';
import { goldGain } from '@plumbline/evaluation/overoptimisation';
import { describe, expect, it } from 'vitest';
import { buildStudyReport } from './build-study-report.js';
import type { StudiedRun, StudyReportInput } from './study-document.js';

const hash = (digit: string): string => digit.repeat(64);
const estimate = (value: number, spread = 0.02): Estimate => ({
  value,
  low: value - spread,
  high: value + spread,
  n: 256,
});
const START = 0.08;

/** A made-up frontier that follows the forms exactly. */
function frontier(alpha: number, beta: number): Frontier {
  const point = (kl: number, gold: number): FrontierPoint => ({
    kl: estimate(kl, 0),
    goldReward: estimate(START + gold),
    proxyReward: estimate(1.2 * Math.sqrt(kl)),
    goldWinRate: estimate(0.5 + gold / 2),
  });
  const fit = (a: number, b: number, distance: number): FittedForm => ({
    alpha: estimate(a),
    beta: estimate(b),
    peak: { distance, low: distance * 0.8, high: null },
  });
  return {
    samples: 64,
    pretrained: { goldReward: estimate(START), proxyReward: estimate(0) },
    policy: Array.from({ length: 10 }, (_, i) => {
      const d = 0.6 * (i + 1);
      return {
        index: 4 * (i + 1),
        checkpoint: hash('d'),
        ...point(d * d, goldGain('rl', { alpha, beta }, d)),
      };
    }),
    bestOf: [2, 4, 8, 16, 32, 64].map((n) => {
      const kl = Math.log(n) - (n - 1) / n;
      return { n, ...point(kl, goldGain('best-of-n', { alpha: 2 * alpha, beta }, Math.sqrt(kl))) };
    }),
    fits: {
      policy: fit(alpha, beta, Math.exp(alpha / beta - 1)),
      bestOf: fit(2 * alpha, beta, alpha / beta),
    },
  };
}

const SIZES = [
  { layers: 1, heads: 2, width: 32 },
  { layers: 2, heads: 4, width: 96 },
];
const LABELS = [250, 1000, 4000];

const input: StudyReportInput = {
  run: {
    runId: '0d1c',
    name: 'over <i>optimised</i>',
    preset: 'overoptimisation',
    status: 'completed',
    startedBy: 'researcher@example.org',
    createdAt: '2026-11-23T21:00:00.000Z',
    startedAt: '2026-11-23T21:00:02.000Z',
    finishedAt: '2026-11-23T21:11:42.000Z',
    commit: 'c'.repeat(40),
    dirty: false,
    lockfileHash: hash('1'),
    configurationHash: hash('2'),
    versions: {},
    machine: {},
    forkedFrom: null,
  },
  configuration: { name: 'n', study: { rewardModels: SIZES, labels: LABELS } } as unknown as RunConfiguration,
  runs: SIZES.flatMap((rewardModel, size) =>
    LABELS.map((labels, i): StudiedRun => ({
      runId: `run-${size}-${labels}`,
      rewardModel,
      labels,
      rewardModelAccuracy: i === 0 ? null : estimate(0.6 + 0.04 * i),
      rewardModelAccuracyAgainstGold: estimate(0.65 + 0.04 * i),
      frontier: frontier(0.12 + 0.03 * i + 0.03 * size, 0.11 - 0.02 * i),
    })),
  ),
};

describe('the report of a study', () => {
  const report = buildStudyReport(input);
  // STUDY_FIXTURE=path writes the page for people who want to look at it.
  const target = process.env['STUDY_FIXTURE'];
  if (target) void import('node:fs').then(({ writeFileSync }) => writeFileSync(target, report.html));

  it('draws gold and proxy reward for every size and either method, on one scale', () => {
    expect(report.html.match(/<svg role="img" aria-label="Gold reward, /g)).toHaveLength(4);
    expect(report.html.match(/<svg role="img" aria-label="Proxy reward, /g)).toHaveLength(4);
    for (const text of ['Best of n, reward model 1×32', 'Policy optimisation, reward model 2×96']) {
      expect(report.html).toContain(text);
    }
  });

  it('has the fit of every reward model, open intervals included', () => {
    expect(report.html).toContain('α');
    expect(report.html.match(/to ∞/g)).toHaveLength(12);
    for (const { runId } of input.runs) expect(report.html).toContain(runId);
  });

  it('counts the policies whose gold reward fell while the proxy rose', () => {
    // d(α − β ln d) peaks at d 1.1, 2.0, 4.8 and 1.4, 2.7, 7.4. The last checkpoint, at 6, is hardly below the third's best.
    expect(report.html).toContain('In 4 of them the policy’s gold reward fell again');
  });

  it('shows text as text and asks nothing of the network', () => {
    expect(report.html).not.toContain('<i>optimised');
    expect(report.html).not.toMatch(/<script|@import|url\((?!#)|(?:src|href)\s*=/);
    expect(report.html).not.toMatch(/#01020[0-9a-f]/);
  });

  it('gives every figure ids of its own, and equal bytes for equal input', () => {
    const ids = [...report.html.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(buildStudyReport(structuredClone(input))).toEqual(report);
  });
});
