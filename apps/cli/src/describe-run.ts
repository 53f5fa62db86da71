import type { RunDescription } from '@plumbline/contracts';
import type { RunDetail, StepDetail } from './api.js';
import { formatDuration, formatNumber, table } from './output.js';

/** `run show --json`. `report`: path of the exported HTML report, null before there is one. */
export function describeRun(run: RunDetail, report: string | null): RunDescription {
  return {
    runId: run.runId,
    name: run.name,
    status: run.status,
    steps: run.steps.map(({ name, status, startedAt, finishedAt, checkpoints, metrics }) => ({
      name,
      status,
      startedAt,
      finishedAt,
      checkpoints: checkpoints.map(({ index, id }) => ({ index, id })),
      metrics,
    })),
    report,
  };
}

/** `run show` for people, but for what went wrong. */
export function runText(run: RunDetail, report: string | null): string {
  const steps = [
    ['STEP', 'STATUS', 'TOOK', 'CHECKPOINT', 'METRICS'],
    ...run.steps.map((step) => [
      step.name,
      step.status,
      took(step),
      step.checkpoints.at(-1)?.id.slice(0, 12) ?? '',
      metricsText(step),
    ]),
  ];
  return [
    `${run.name} (${run.runId}): ${run.status}`,
    table(steps),
    ...(report === null ? [] : [`report: ${report}`]),
  ].join('\n');
}

/** Why a run or its steps failed, a line each; none when nothing did. */
export function problemsOf(run: RunDetail): string[] {
  const ofSteps = run.steps.filter(({ error }) => error !== null);
  const lines = ofSteps.map(({ name, error }) => `${name}: ${error ?? ''}`);
  // The run repeats what its step said.
  const { error } = run;
  if (
    error !== null &&
    !ofSteps.some((step) => step.error?.includes(error) || error.includes(step.error ?? ''))
  )
    lines.unshift(error);
  return lines;
}

export function took({ startedAt, finishedAt }: Pick<StepDetail, 'startedAt' | 'finishedAt'>): string {
  if (startedAt === null) return '';
  const end = finishedAt === null ? Date.now() : Date.parse(finishedAt);
  return formatDuration(Math.max(0, end - Date.parse(startedAt)));
}

function metricsText(step: StepDetail): string {
  return Object.entries(step.metrics)
    .slice(0, 4)
    .map(([name, value]) => `${name} ${formatNumber(value)}`)
    .join(', ');
}
