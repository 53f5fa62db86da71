import { seconds } from './progress.mjs';

/**
 * What a finished run showed, in a few lines.
 *
 * @param {{ name: string, status: string, steps: { name: string, status: string, startedAt: string | null, finishedAt: string | null }[] }} run
 *   `plumbline run show --json`
 * @param {{ headline: object | null, frontier?: object | null } | null} report the run's report.json
 */
export function summarise(run, report) {
  const lines = [`${run.name}: ${run.status}`];
  for (const step of run.steps) {
    const took =
      step.startedAt && step.finishedAt
        ? seconds(Date.parse(step.finishedAt) - Date.parse(step.startedAt))
        : '';
    lines.push(`  ${step.name.padEnd(9)} ${step.status.padEnd(10)} ${took}`.trimEnd());
  }
  const headline = report?.headline;
  if (!headline) return lines.join('\n');
  const ceiling = headline.noiseCeiling === null ? '' : `; noise ceiling ${percent(headline.noiseCeiling)}`;
  lines.push(
    '',
    `Policy against the pretrained model on ${headline.prompts} held-out prompts (95 % intervals):`,
    `  gold win rate          ${share(headline.goldWinRate.policy)}   best-of-${headline.bestOf}: ${share(headline.goldWinRate.bestOf)}`,
    `  gold reward            ${mean(headline.goldReward.policy)}   pretrained: ${mean(headline.goldReward.pretrained)}`,
    `  KL, nats per sequence  ${mean(headline.klNatsPerSequence)}`,
  );
  for (const point of report.frontier?.bestOf ?? []) {
    lines.push(
      `  ${`best of ${point.n}`.padEnd(22)} ${share(point.goldWinRate)}   gold reward ${mean(point.goldReward)}   KL ${point.kl.value.toFixed(2)}`,
    );
  }
  const accuracy = headline.rewardModelAccuracy;
  // Null when labelers called every held-out comparison a tie.
  if (accuracy !== null) {
    lines.push(`  reward-model accuracy  ${share(accuracy)} on ${accuracy.n} held-out comparisons${ceiling}`);
  }
  return lines.join('\n');
}

function percent(value) {
  return `${(100 * value).toFixed(1)} %`;
}

function share({ value, low, high }) {
  return `${percent(value)} (${(100 * low).toFixed(1)} – ${(100 * high).toFixed(1)})`;
}

function mean({ value, low, high }) {
  return `${value.toFixed(2)} (${low.toFixed(2)} – ${high.toFixed(2)})`;
}
