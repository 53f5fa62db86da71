/** What optimising against the reward model buys, and at what distance: Gao et al. 2022, arXiv:2210.10760. */
import type { Estimate, FittedForm, Frontier, FrontierPoint } from '@plumbline/contracts';
import { goldGain, type OveroptimisationForm } from '@plumbline/evaluation/overoptimisation';
import { pointFigure, type PointGroup } from '../figures/point-figure.js';
import { INK } from '../figures/svg.js';
import { figure } from './figure.js';
import { fixed, interval, percent, percentInterval } from './format.js';
import { html, type Html } from './html.js';

export const X_LABEL = 'distance d = √KL, KL in nats per response';

/** Both rewards against √KL, and the table behind them. */
export function frontierSection(frontier: Frontier): Html {
  return html`<div class="figures">
      ${figure(
        'Gold reward against √KL',
        'What people would say. Dashed: the forms of Gao et al. (2022) fitted to the points, where three or more determine them.',
        pointFigure(
          {
            groups: groups(frontier, 'goldReward'),
            xLabel: X_LABEL,
            references: start(frontier, 'goldReward'),
          },
          'Gold reward against √KL',
        ),
      )}
      ${figure(
        'Proxy reward against √KL',
        'What the reward model says of the same responses. Where it rises and the gold reward does not, it is being exploited.',
        pointFigure(
          {
            groups: groups(frontier, 'proxyReward'),
            xLabel: X_LABEL,
            references: start(frontier, 'proxyReward'),
          },
          'Proxy reward against √KL',
        ),
      )}
    </div>
    ${table(frontier)} ${fits(frontier)}`;
}

function start(frontier: Frontier, reward: 'goldReward' | 'proxyReward') {
  return [{ label: 'pretrained', value: frontier.pretrained[reward].value }];
}

function groups(frontier: Frontier, reward: 'goldReward' | 'proxyReward'): PointGroup[] {
  const { policy, bestOf, fits: fitted, pretrained } = frontier;
  const points = (entries: readonly FrontierPoint[], note: (i: number) => string) =>
    entries.map((entry, i) => {
      const { value: y, low, high } = entry[reward];
      return { x: distance(entry), y, low, high, note: note(i) };
    });
  const curve = (form: OveroptimisationForm, fit: FittedForm | null, entries: readonly FrontierPoint[]) =>
    fit === null || reward === 'proxyReward'
      ? {}
      : { curve: fittedCurve(form, fit, pretrained.goldReward.value, Math.max(...entries.map(distance))) };
  return [
    {
      label: 'Policy, by iteration',
      ink: INK.policy,
      points: points(policy, (i) => String(policy[i]!.index)),
      ...curve('rl', fitted.policy, policy),
    },
    {
      label: 'Best of n',
      ink: INK.bestOf,
      points: points(bestOf, (i) => String(bestOf[i]!.n)),
      ...curve('best-of-n', fitted.bestOf, bestOf),
    },
  ];
}

const CURVE_STEPS = 60;

/** The fitted form from the pretrained model, whose gold reward is `from`, to a little beyond the farthest point. */
export function fittedCurve(
  form: OveroptimisationForm,
  { alpha, beta }: Pick<FittedForm, 'alpha' | 'beta'>,
  from: number,
  farthest: number,
): [number, number][] {
  return Array.from({ length: CURVE_STEPS + 1 }, (_, i) => {
    const d = (1.1 * farthest * i) / CURVE_STEPS;
    return [d, from + goldGain(form, { alpha: alpha.value, beta: beta.value }, d)];
  });
}

/** d = √KL; the estimate of a KL may come out below 0. */
export function distance({ kl }: Pick<FrontierPoint, 'kl'>): number {
  return Math.sqrt(Math.max(0, kl.value));
}

function table({ pretrained, policy, bestOf, samples }: Frontier): Html {
  const row = (name: string, point: FrontierPoint | null, gold: Estimate, proxy: Estimate): Html =>
    html`<tr>
      <th scope="row">${name}</th>
      <td class="number">${point ? fixed(point.kl.value) : fixed(0)}</td>
      <td class="number">
        ${point ? html`${percent(point.goldWinRate.value)} <small>${percentInterval(point.goldWinRate)}</small>` : 'baseline'}
      </td>
      <td class="number">${fixed(gold.value)} <small>${interval(gold)}</small></td>
      <td class="number">${fixed(proxy.value)} <small>${interval(proxy)}</small></td>
    </tr>`;
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col">Policy</th>
          <th scope="col" class="number">KL, nats</th>
          <th scope="col" class="number">Gold win rate</th>
          <th scope="col" class="number">Gold reward</th>
          <th scope="col" class="number">Proxy reward</th>
        </tr>
      </thead>
      <tbody>
        ${row('Pretrained', null, pretrained.goldReward, pretrained.proxyReward)}
        ${bestOf.map((point) => row(`Best of ${point.n}`, point, point.goldReward, point.proxyReward))}
        ${policy.map((point) =>
          row(`Policy, ${point.index} iterations`, point, point.goldReward, point.proxyReward),
        )}
      </tbody>
    </table>
    <p class="label">
      Best of n: mean over every way to choose n of ${samples} responses a prompt, the reward model’s
      favourite each time; its KL is log n − (n − 1)/n. Small figures are 95 % bootstrap intervals over
      prompts.
    </p>
  </div>`;
}

function fits({ fits: { policy, bestOf } }: Frontier): Html | null {
  const told = [
    policy && `Policy, d(α − β ln d): ${coefficients(policy)}`,
    bestOf && `Best of n, d(α − βd): ${coefficients(bestOf)}`,
  ].filter((line) => line !== null);
  return told.length === 0
    ? null
    : html`<p class="label">Gold reward above the pretrained model’s, fitted. ${told.join(' ')}</p>`;
}

/** `α 0.21 (0.18 to 0.24), β 0.05 (0.03 to 0.07), highest at d 3.1 (2.2 to ∞).` */
export function coefficients({ alpha, beta, peak }: FittedForm): string {
  const highest =
    peak.distance === null
      ? 'still rising'
      : `highest at d ${peakSide(peak.distance)} (${peakSide(peak.low)} to ${peakSide(peak.high)})`;
  return `α ${fixed(alpha.value)} (${interval(alpha)}), β ${fixed(beta.value)} (${interval(beta)}), ${highest}.`;
}

/** Where β is hardly above 0 the form's peak is at a distance that nobody will ever see. */
const FARTHEST = 100;

/** A distance at which the fitted gold reward is highest, or an end of its interval; null: infinitely far. */
export function peakSide(distance: number | null): string {
  if (distance === null) return '∞';
  return distance > FARTHEST ? `over ${FARTHEST}` : fixed(distance, 1);
}
