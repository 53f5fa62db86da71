/** How far a reward model's predictions can be trusted. */
import type { CalibrationCurve } from '@plumbline/contracts';
import { intervalFigure } from '../figures/interval-figure.js';
import { pointFigure } from '../figures/point-figure.js';
import { INK } from '../figures/svg.js';
import type { RewardModelReport } from '../report-document.js';
import { figure } from './figure.js';
import { fixed } from './format.js';
import { html, type Html } from './html.js';

/** Calibration and accuracy by labeler agreement; null where neither was measured. */
export function rewardModelFigures({ calibration, accuracyByAgreement }: RewardModelReport): Html | null {
  const figures = [
    calibration && calibrationFigure(calibration),
    accuracyByAgreement && agreementFigure(accuracyByAgreement),
  ].filter((one) => one !== null);
  return figures.length === 0 ? null : html`<div class="figures">${figures}</div>`;
}

function calibrationFigure({ bins, expectedCalibrationError }: CalibrationCurve): Html {
  return figure(
    'Reward-model calibration',
    `Share of held-out judgements that agree, by how sure the reward model is of the preferred response; beside each point, how many. Ties agree half. Expected calibration error ${fixed(expectedCalibrationError, 3)}.`,
    pointFigure(
      {
        groups: [
          {
            label: 'Judgements',
            ink: INK.second,
            points: bins.map(({ predicted, agreement: { value, low, high, n } }) => ({
              x: predicted,
              y: value,
              low,
              high,
              note: String(n),
            })),
          },
          {
            label: 'Calibrated',
            ink: INK.faint,
            points: [],
            curve: [
              [0.5, 0.5],
              [1, 1],
            ],
          },
        ],
        xLabel: 'predicted probability of the preferred response',
        xRange: [0.5, 1],
      },
      'Reward-model calibration',
    ),
  );
}

function agreementFigure({
  unanimous,
  split,
}: NonNullable<RewardModelReport['accuracyByAgreement']>): Html | null {
  const rows = [
    unanimous && { label: 'All agree', estimate: unanimous, ink: INK.second },
    split && { label: 'They differ', estimate: split, ink: INK.second },
  ].filter((row) => row !== null);
  if (rows.length === 0) return null;
  return figure(
    'Reward-model accuracy by labeler agreement',
    'On held-out pairs that several labelers judged: where all prefer the same response, and, against the majority, where they differ.',
    intervalFigure(
      {
        rows,
        percent: true,
        range: [Math.min(0.4, ...rows.map(({ estimate }) => estimate.low)), 1],
        references: [{ label: 'chance', value: 0.5 }],
      },
      'Reward-model accuracy by labeler agreement',
    ),
  );
}
