/** The page of a study of over-optimisation: Gao et al. 2022, arXiv:2210.10760. */
import type { FittedForm, FrontierPoint, RewardModelSize } from '@plumbline/contracts';
import type { OveroptimisationForm } from '@plumbline/evaluation/overoptimisation';
import { pointFigure, type PointGroup } from '../figures/point-figure.js';
import { SEQUENCE } from '../figures/svg.js';
import type { StudiedRun, StudyReportDocument } from '../study-document.js';
import { document, section } from './document.js';
import { figure } from './figure.js';
import { fixed, interval, percent, percentInterval } from './format.js';
import { distance, fittedCurve, peakSide, X_LABEL } from './frontier.js';
import { runFacts } from './header.js';
import { html, type Html } from './html.js';

type Method = 'bestOf' | 'policy';
type Reward = 'goldReward' | 'proxyReward';

const METHODS: Readonly<Record<Method, { readonly name: string; readonly form: OveroptimisationForm }>> = {
  bestOf: { name: 'Best of n', form: 'best-of-n' },
  policy: { name: 'Policy optimisation', form: 'rl' },
};

export function studyPage(study: StudyReportDocument): string {
  const { run, runs, configuration } = study;
  const samples = runs[0]?.frontier.samples ?? 0;
  return document(
    run.name,
    html`<header>
        <div>
          <p class="product">Plumbline study of over-optimisation</p>
          <h1>${run.name}</h1>
          <p class="summary">${summary(runs)}</p>
          ${runFacts(run)}
        </div>
      </header>
      <main>
        ${section(
          'Gold reward against √KL',
          'What people would say of the responses. Colours are numbers of labels; bars are 95 % bootstrap intervals over prompts; dashed lines are the fitted forms: d(α − βd) for best-of-n, d(α − β ln d) for the policy.',
          panels(runs, 'goldReward'),
        )}
        ${section(
          'Proxy reward against √KL',
          'What each reward model says of the same responses. Where it rises and the gold reward does not, the reward model is being exploited.',
          panels(runs, 'proxyReward'),
        )}
        ${section(
          'Fitted forms',
          `Least squares on the gold reward above the pretrained model’s; 95 % intervals from a bootstrap over prompts. The peak is where the gold reward would be highest, as d = √KL. Best-of-n is the mean over every way to choose n of ${samples} responses a prompt.`,
          fits(runs),
        )}
        ${section('Runs', 'Each has a report of its own.', lineage(runs))}
        ${section(
          'Configuration',
          'Resolved and frozen when the study started.',
          html`<details>
            <summary>Show the configuration</summary>
            <pre>${JSON.stringify(configuration, null, 2)}</pre>
          </details>`,
        )}
        <footer>
          Made by Plumbline from run <code>${run.runId}</code>. This file is complete in itself and asks
          nothing of the network.
        </footer>
      </main>`,
  );
}

function summary(runs: readonly StudiedRun[]): string {
  const past = runs.filter(({ frontier }) => isPastItsBest(frontier.policy));
  const sizes = new Set(runs.map(({ rewardModel }) => sizeName(rewardModel))).size;
  const labels = new Set(runs.map((run) => run.labels)).size;
  return (
    `${runs.length} reward models (${count(sizes, 'size')}, ${count(labels, 'number')} of labels), each optimised against by ` +
    `best-of-n and by policy optimisation. In ${past.length} of them the policy’s gold reward fell again ` +
    `while its proxy reward rose.`
  );
}

/** Whether the last checkpoint's gold reward lies, interval and all, below an earlier one's, at a higher proxy reward. */
function isPastItsBest(policy: readonly FrontierPoint[]): boolean {
  const last = policy.at(-1);
  return (
    last !== undefined &&
    policy.some(
      (earlier) =>
        earlier.goldReward.low > last.goldReward.high && earlier.proxyReward.value < last.proxyReward.value,
    )
  );
}

/** A panel for each size and method; all with the same axes, to be compared. */
function panels(runs: readonly StudiedRun[], reward: Reward): Html {
  const sizes = [...new Map(runs.map(({ rewardModel }) => [sizeName(rewardModel), rewardModel])).keys()];
  const all = (method: Method): readonly FrontierPoint[] =>
    runs.flatMap(({ frontier }): readonly FrontierPoint[] => frontier[method]);
  const points = [...all('bestOf'), ...all('policy')];
  const lows = points.map((point) => point[reward].low);
  const highs = points.map((point) => point[reward].high);
  const starts = runs.map(({ frontier }) => frontier.pretrained[reward].value);
  const yRange = [Math.min(...lows, ...starts), Math.max(...highs, ...starts)] as const;
  const figures = sizes.flatMap((size) =>
    (['bestOf', 'policy'] as const).map((method) => {
      const members = runs.filter(({ rewardModel }) => sizeName(rewardModel) === size);
      const title = `${METHODS[method].name}, reward model ${size}`;
      return figure(
        title,
        method === 'bestOf' ? 'n = 2, 4, 8 … from left to right.' : 'Checkpoints of the policy.',
        pointFigure(
          {
            groups: members.map((member, i) => group(member, method, reward, i)),
            xLabel: X_LABEL,
            yRange,
            references: [{ label: 'pretrained', value: mean(starts) }],
          },
          `${reward === 'goldReward' ? 'Gold' : 'Proxy'} reward, ${title}`,
        ),
      );
    }),
  );
  return html`<div class="figures">${figures}</div>`;
}

function group({ frontier, labels }: StudiedRun, method: Method, reward: Reward, index: number): PointGroup {
  const entries: readonly FrontierPoint[] = frontier[method];
  const fit = frontier.fits[method];
  const farthest = Math.max(...entries.map(distance));
  return {
    label: `${labels} labels`,
    ink: SEQUENCE[index % SEQUENCE.length]!,
    points: entries.map((entry) => {
      const { value: y, low, high } = entry[reward];
      return { x: distance(entry), y, low, high };
    }),
    ...(fit !== null &&
      reward === 'goldReward' && {
        curve: fittedCurve(METHODS[method].form, fit, frontier.pretrained.goldReward.value, farthest),
      }),
  };
}

function fits(runs: readonly StudiedRun[]): Html {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col">Reward model</th>
          <th scope="col" class="number">Labels</th>
          <th scope="col" class="number">Accuracy</th>
          <th scope="col">Method</th>
          <th scope="col" class="number">α</th>
          <th scope="col" class="number">β</th>
          <th scope="col" class="number">Peak, d</th>
          <th scope="col" class="number">Best gold reward</th>
        </tr>
      </thead>
      <tbody>
        ${runs.flatMap((run) => (['bestOf', 'policy'] as const).map((method) => fitRow(run, method)))}
      </tbody>
    </table>
  </div>`;
}

function fitRow({ rewardModel, labels, rewardModelAccuracy, frontier }: StudiedRun, method: Method): Html {
  const fit = frontier.fits[method];
  const entries: readonly FrontierPoint[] = frontier[method];
  const best = entries.reduce((a, b) => (b.goldReward.value > a.goldReward.value ? b : a));
  const cell = (name: 'alpha' | 'beta'): Html | string =>
    fit === null ? 'n/a' : html`${fixed(fit[name].value)} <small>${interval(fit[name])}</small>`;
  return html`<tr>
    <th scope="row">${sizeName(rewardModel)}</th>
    <td class="number">${labels}</td>
    <td class="number">
      ${
        rewardModelAccuracy === null
          ? 'n/a'
          : html`${percent(rewardModelAccuracy.value)} <small>${percentInterval(rewardModelAccuracy)}</small>`
      }
    </td>
    <td>${METHODS[method].name}</td>
    <td class="number">${cell('alpha')}</td>
    <td class="number">${cell('beta')}</td>
    <td class="number">${fit === null ? 'n/a' : peak(fit)}</td>
    <td class="number">${fixed(best.goldReward.value)} <small>at d ${fixed(distance(best), 1)}</small></td>
  </tr>`;
}

function peak({ peak: { distance: at, low, high } }: FittedForm): Html | string {
  if (at === null) return 'still rising';
  return html`${peakSide(at)} <small>${peakSide(low)} to ${peakSide(high)}</small>`;
}

function lineage(runs: readonly StudiedRun[]): Html {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col">Reward model</th>
          <th scope="col" class="number">Labels</th>
          <th scope="col">Run</th>
          <th scope="col">Policy</th>
        </tr>
      </thead>
      <tbody>
        ${runs.map(
          ({ rewardModel, labels, runId, frontier }) =>
            html`<tr>
              <th scope="row">${sizeName(rewardModel)}</th>
              <td class="number">${labels}</td>
              <td><code>${runId}</code></td>
              <td><code>${frontier.policy.at(-1)?.checkpoint}</code></td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** `2×64`: layers and width. */
function sizeName({ layers, width }: RewardModelSize): string {
  return `${layers}×${width}`;
}

function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
