import type { RunDescription } from '@plumbline/contracts';
import type { RunDetail, StepDetail } from './api.js';
import { formatDuration, formatNumber, table } from './output.js';

/** `run show --json`. `report`: path of the exported HTML report, null before there is one. */
export function describeRun(run: RunDetail, report: string | null): RunDescription {
  return {
    runId: run.runId,
    name: run.name,
    status: run.status,
    steps: run.steps.map(({ name, status, startedAt, finishedAt, checkpoints, metrics, warnings }) => ({
      name,
      status,
      startedAt,
      finishedAt,
      checkpoints: checkpoints.map(({ index, id }) => ({ index, id })),
      metrics,
      ...(warnings.length > 0 && { warnings }),
    })),
    report,
    ...(run.members && {
      members: run.members.map(({ runId, name, status }) => ({ runId, name, status })),
    }),
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
      shownMetrics(step, 4).join(', '),
    ]),
  ];
  return [
    `${run.name} (${run.runId}): ${run.status}`,
    table(steps),
    ...run.steps.flatMap((step) => step.warnings.map((warning) => warningLine(step.name, warning))),
    ...(run.members?.length
      ? [table([['RUN', 'STATUS', 'STEP', 'NAME'], ...run.members.map(memberRow)])]
      : []),
    ...(report === null ? [] : [`report: ${report}`]),
  ].join('\n');
}

function memberRow({ runId, status, currentStep, name }: Member): string[] {
  return [runId, status, currentStep ?? '', name];
}

/** A run that a study has started. */
export type Member = NonNullable<RunDetail['members']>[number];

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

/** Told before any other metric. */
const FIRST_METRICS = ['objective/scores', 'objective/kl', 'objective/gold', 'rewards/accuracies', 'loss'];

/** At most `count` of a step's metrics, each with its last value. */
export function shownMetrics(step: Pick<StepDetail, 'metrics'>, count: number): string[] {
  const { metrics } = step;
  const names = Object.keys(metrics);
  return [
    ...FIRST_METRICS.filter((name) => name in metrics),
    ...names.filter((name) => !FIRST_METRICS.includes(name)),
  ]
    .slice(0, count)
    .map((name) => `${name} ${formatNumber(metrics[name]!)}`);
}

export function warningLine(step: string, { index, message }: StepDetail['warnings'][number]): string {
  return `warning: ${step}, iteration ${String(index)}: ${message}`;
}
