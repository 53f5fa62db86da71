import { STEP_NAMES } from '@plumbline/contracts';
import type { Headline, ReportDocument } from '../report-document.js';
import type { ReportedRun } from '../report-input.js';
import { duration, fixed, interval, percent, percentInterval, shortId, time } from './format.js';
import { html, type Html } from './html.js';

export function header({ run, headline }: ReportDocument): Html {
  return html`<header>
    <div>
      <p class="product">Plumbline run report</p>
      <h1>${run.name}</h1>
      <p class="summary">${headline ? summary(headline) : noEvaluation(run.status)}</p>
      ${runFacts(run)}
    </div>
  </header>`;
}

/** When, by whom and with what it ran. */
export function runFacts(run: ReportedRun): Html {
  const facts: readonly (readonly [string, string | Html])[] = [
    ['Status', run.status],
    ['Started', time(run.startedAt ?? run.createdAt)],
    ['Took', took(run.startedAt, run.finishedAt)],
    ...(run.preset === null ? [] : ([['Preset', run.preset]] as const)),
    ...(run.startedBy === null ? [] : ([['Started by', run.startedBy]] as const)),
    ['Configuration', html`<code title="${run.configurationHash}">${shortId(run.configurationHash)}</code>`],
    [
      'Commit',
      run.commit === null
        ? 'unknown'
        : html`<code title="${run.commit}">${shortId(run.commit)}</code
            >${run.dirty && ' with local changes'}`,
    ],
  ];
  return html`<dl class="facts">
    ${facts.map(
      ([term, fact]) =>
        html`<div>
          <dt>${term}</dt>
          <dd>${fact}</dd>
        </div>`,
    )}
  </dl>`;
}

function summary({ prompts, goldWinRate, klNatsPerSequence }: Headline): string {
  const { policy } = goldWinRate;
  const verdict =
    policy.low > 0.5 ? '' : policy.high < 0.5 ? 'The policy got worse. ' : 'No difference was shown. ';
  return (
    verdict +
    `On ${prompts} held-out prompts the policy’s response scores a higher gold reward than the pretrained model’s ` +
    `${percent(policy.value)} of the time, ties counting half (95 % interval ${percentInterval(policy)}), ` +
    `at a KL of ${fixed(klNatsPerSequence.value, 1)} nats per response.`
  );
}

function noEvaluation(status: string): string {
  return `This run has no evaluation: it is ${status}, or it executed other steps than ${STEP_NAMES.at(-1)!}.`;
}

function took(startedAt: string | null, finishedAt: string | null): string {
  if (startedAt === null || finishedAt === null) return 'not finished';
  return duration((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
}

/** The numbers a reader looks for first. */
export function cards(headline: Headline): Html {
  const { goldWinRate, goldReward, klNatsPerSequence, rewardModelAccuracy, noiseCeiling, bestOf } = headline;
  const entries: readonly (readonly [string, string, string])[] = [
    [
      'Gold win rate',
      percent(goldWinRate.policy.value),
      `95 % interval ${percentInterval(goldWinRate.policy)}; best of ${bestOf}: ${percent(goldWinRate.bestOf.value)}`,
    ],
    [
      'Gold reward',
      fixed(goldReward.policy.value),
      `95 % interval ${interval(goldReward.policy)}; pretrained: ${fixed(goldReward.pretrained.value)}`,
    ],
    [
      'KL to the pretrained model',
      `${fixed(klNatsPerSequence.value, 1)} nats`,
      `95 % interval ${interval(klNatsPerSequence, 1)}, per response`,
    ],
    [
      'Reward-model accuracy',
      rewardModelAccuracy === null ? 'n/a' : percent(rewardModelAccuracy.value),
      rewardModelAccuracy === null
        ? 'No held-out judgement prefers a response'
        : `95 % interval ${percentInterval(rewardModelAccuracy)}, ${rewardModelAccuracy.n} held-out judgements` +
          (noiseCeiling === null ? '' : `; noise ceiling ${percent(noiseCeiling)}`),
    ],
  ];
  return html`<dl class="cards" aria-label="Headline numbers">
    ${entries.map(
      ([term, value, note]) =>
        html`<div class="card">
          <dt>${term}</dt>
          <dd class="value">${value}</dd>
          <dd class="note">${note}</dd>
        </div>`,
    )}
  </dl>`;
}
