import type { Estimate, StepName } from '@plumbline/contracts';
import { intervalFigure, type IntervalRow } from '../figures/interval-figure.js';
import { lineFigure, type Line, type LineFigure } from '../figures/line-figure.js';
import { INK } from '../figures/svg.js';
import type { Headline, ReportDocument } from '../report-document.js';
import type { Series } from '../report-input.js';
import { figure } from './figure.js';
import { fixed, percent } from './format.js';
import { html, type Html } from './html.js';

/** Policy, best-of-n and pretrained model side by side, with intervals. */
export function outcomeFigures(headline: Headline): Html {
  const { bestOf, goldWinRate, goldReward, proxyReward, prompts, bestOfKlBound } = headline;
  const bestOfLabel = `Best of ${bestOf}`;
  const three = (estimates: Headline['goldReward']) => [
    { label: 'Policy', estimate: estimates.policy, ink: INK.policy },
    { label: bestOfLabel, estimate: estimates.bestOf, ink: INK.bestOf },
    { label: 'Pretrained', estimate: estimates.pretrained, ink: INK.pretrained },
  ];
  return html`<div class="figures">
    ${figure(
      'Gold win rate against the pretrained model',
      `Share of ${prompts} prompts, ties count half. ${bestOfLabel} picks by the reward model and moves at most ${fixed(bestOfKlBound)} nats.`,
      intervalFigure(
        {
          rows: [
            { label: 'Policy', estimate: goldWinRate.policy, ink: INK.policy },
            { label: bestOfLabel, estimate: goldWinRate.bestOf, ink: INK.bestOf },
          ],
          percent: true,
          range: [Math.min(0.4, goldWinRate.policy.low, goldWinRate.bestOf.low), 1],
          references: [{ label: 'no better', value: 0.5 }],
        },
        'Gold win rate against the pretrained model',
      ),
    )}
    ${figure(
      'Gold reward',
      'Mean over prompts. The hidden scorer of simulated labelers; training never sees it.',
      intervalFigure({ rows: three(goldReward) }, 'Mean gold reward'),
    )}
    ${figure(
      'Proxy reward',
      'Mean score of the same responses under the reward model that PPO maximised.',
      intervalFigure({ rows: three(proxyReward) }, 'Mean reward-model score'),
    )}
    ${figure(
      'Reward-model accuracy on held-out comparisons',
      'Agreement with the judgements, ties left out, and with the gold reward itself.',
      intervalFigure(
        {
          rows: [
            accuracyRow('Judgements', headline.rewardModelAccuracy),
            accuracyRow('Gold reward', headline.rewardModelAccuracyAgainstGold),
          ].filter((row) => row !== null),
          percent: true,
          range: [0.4, 1],
          references: [
            { label: 'chance', value: 0.5 },
            ...(headline.noiseCeiling === null
              ? []
              : [{ label: 'noise ceiling', value: headline.noiseCeiling }]),
          ],
        },
        'Reward-model accuracy on held-out comparisons',
      ),
    )}
  </div>`;
}

function accuracyRow(label: string, estimate: Estimate | null): IntervalRow | null {
  return estimate && { label, estimate, ink: INK.second };
}

interface CurveFigure {
  readonly title: string;
  readonly caption: string;
  readonly step: StepName;
  readonly curves: readonly (Omit<Line, 'points'> & { readonly metric: string })[];
  readonly options: Omit<LineFigure, 'lines' | 'references'>;
  readonly references?: (document: ReportDocument) => { label: string; value: number }[];
}

const PPO = { xLabel: 'iteration' } as const;

/** Which curves a report shows. Metric names are the ones the steps report. */
const CURVES: readonly CurveFigure[] = [
  {
    title: 'Pretraining loss',
    caption: 'Cross-entropy in nats per token; held out = documents the model does not train on.',
    step: 'pretrain',
    curves: [
      { metric: 'loss', label: 'train', ink: INK.pretrained, smooth: true },
      { metric: 'heldOutLoss', label: 'held out', ink: INK.policy, marks: true },
    ],
    options: { xLabel: 'update' },
  },
  {
    title: 'Fine-tuning loss',
    caption:
      'Cross-entropy in nats per token of the completions; held out = rows the model does not train on.',
    step: 'sft',
    curves: [
      { metric: 'loss', label: 'train', ink: INK.pretrained, smooth: true },
      { metric: 'heldOutLoss', label: 'held out', ink: INK.policy, marks: true },
    ],
    options: { xLabel: 'update' },
  },
  {
    title: 'Reward-model loss',
    caption: 'Bradley-Terry loss in nats per judgement; 0.693 is a coin toss.',
    step: 'reward',
    curves: [
      { metric: 'loss', label: 'train', ink: INK.pretrained, smooth: true },
      { metric: 'heldOutLoss', label: 'held out', ink: INK.policy, marks: true },
    ],
    options: { xLabel: 'update' },
    references: () => [{ label: 'coin toss', value: Math.LN2 }],
  },
  {
    title: 'Reward-model accuracy',
    caption: 'Agreement with held-out judgements, ties left out, beside what the labelers’ noise allows.',
    step: 'reward',
    curves: [
      { metric: 'heldOutAccuracy', label: 'held out', ink: INK.policy, marks: true },
      { metric: 'ensembleHeldOutAccuracy', label: 'ensemble', ink: INK.bestOf, marks: true },
    ],
    options: { xLabel: 'update', percent: true },
    references: ({ headline }) => [
      { label: 'coin toss', value: 0.5 },
      ...(typeof headline?.noiseCeiling === 'number'
        ? [{ label: 'noise ceiling', value: headline.noiseCeiling }]
        : []),
    ],
  },
  {
    title: 'Reward',
    caption:
      'Mean reward-model score of the responses, the same less the KL penalty, and the score on held-out prompts.',
    step: 'optimise',
    curves: [
      { metric: 'objective/scores', label: 'score', ink: INK.policy, smooth: true },
      { metric: 'objective/rlhf_reward', label: 'score − β·KL', ink: INK.second, smooth: true },
      { metric: 'heldOut/scores', label: 'held out', ink: INK.bestOf, marks: true },
      { metric: 'val/sampled_scores', label: 'all samples', ink: INK.pretrained, smooth: true },
    ],
    options: PPO,
  },
  {
    title: 'Gold reward',
    caption: 'What the simulated labelers judge by, which training never sees.',
    step: 'optimise',
    curves: [
      { metric: 'objective/gold', label: 'training prompts', ink: INK.policy, smooth: true },
      { metric: 'heldOut/gold', label: 'held out', ink: INK.bestOf, marks: true },
    ],
    options: PPO,
  },
  {
    title: 'Implicit reward',
    caption: 'β·log π/π_ref of the preferred response and the other.',
    step: 'optimise',
    curves: [
      { metric: 'rewards/chosen', label: 'preferred', ink: INK.policy, smooth: true },
      { metric: 'rewards/rejected', label: 'other', ink: INK.second, smooth: true },
    ],
    options: PPO,
  },
  {
    title: 'Preferences agreed with',
    caption: 'Share of pairs whose preferred response gained more probability than the other; ties left out.',
    step: 'optimise',
    curves: [{ metric: 'rewards/accuracies', label: 'agreement', ink: INK.policy, smooth: true }],
    options: { ...PPO, percent: true },
    references: () => [{ label: 'coin toss', value: 0.5 }],
  },
  {
    title: 'KL to the pretrained model',
    caption: 'Nats per response (k1), with the target of the controller.',
    step: 'optimise',
    curves: [
      { metric: 'objective/kl', label: 'KL', ink: INK.policy, smooth: true },
      { metric: 'heldOut/kl', label: 'held out', ink: INK.bestOf, marks: true },
    ],
    options: { ...PPO, fromZero: true },
    references: ({ configuration: { optimise } }) =>
      optimise.kl.controller === 'adaptive' ? [{ label: 'target', value: optimise.kl.target }] : [],
  },
  {
    title: 'KL coefficient β',
    caption: 'What a nat of KL costs; the adaptive controller raises it while KL is above the target.',
    step: 'optimise',
    curves: [{ metric: 'beta', label: 'β', ink: INK.second }],
    options: PPO,
  },
  {
    title: 'Policy entropy',
    caption: 'Surprise of the sampled responses, nats per response, at the sampling temperature.',
    step: 'optimise',
    curves: [{ metric: 'objective/entropy', label: 'entropy', ink: INK.policy, smooth: true }],
    options: PPO,
  },
  {
    title: 'Clip fraction',
    caption:
      'Share of tokens (RLOO: responses) for which clipping decides, averaged over an iteration’s updates.',
    step: 'optimise',
    curves: [{ metric: 'policy/clipfrac_avg', label: 'clipped', ink: INK.policy, smooth: true }],
    options: { ...PPO, percent: true, fromZero: true },
  },
  {
    title: 'Value loss',
    caption: 'Clipped squared error of the value function, averaged over an iteration’s updates.',
    step: 'optimise',
    curves: [{ metric: 'loss/value_avg', label: 'value loss', ink: INK.second, smooth: true }],
    options: { ...PPO, fromZero: true },
  },
];

/** The training curves of a step; null when it measured none of them. */
export function curveFigures(document: ReportDocument, step: StepName): Html | null {
  const figures = CURVES.filter((entry) => entry.step === step).flatMap((entry) => {
    const lines = entry.curves
      .map(({ metric, ...line }) => ({ ...line, points: points(document, step, metric) }))
      .filter((line) => line.points.length > 0);
    if (lines.length === 0) return [];
    const references = entry.references?.(document) ?? [];
    return [
      figure(entry.title, entry.caption, lineFigure({ ...entry.options, lines, references }, entry.title)),
    ];
  });
  return figures.length === 0 ? null : html`<div class="figures">${figures}</div>`;
}

function points({ curves }: ReportDocument, step: StepName, metric: string): Series {
  return curves.find((curve) => curve.step === step && curve.name === metric)?.points ?? [];
}

/** One line on how labelers judged. */
export function collectionSentence({ collection }: ReportDocument): string | null {
  if (collection === null) return null;
  const { ranked, ties, bothBad, simulated, labelers } = collection;
  const all = ranked + ties + bothBad;
  const who =
    simulated === all ? 'simulated labelers' : simulated === 0 ? 'people' : 'people and simulated labelers';
  return (
    `${all} judgements by ${labelers} ${who}: ${percent(ranked / all)} prefer a response, ` +
    `${percent(ties / all)} are ties, ${percent(bothBad / all)} call both bad.`
  );
}
