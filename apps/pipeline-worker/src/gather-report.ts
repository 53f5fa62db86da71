import type { ArtifactStore } from '@plumbline/artifacts';
import { STEP_NAMES, type EvaluationResult } from '@plumbline/contracts';
import { getRun, listSteps, query, readSeries, Run, Step, type Database } from '@plumbline/database';
import type { ReportedCollection, ReportedRun, ReportedStep, ReportInput, Series } from '@plumbline/report';
import type { DataSource } from 'typeorm';

/** Most points of a curve that a report carries. */
const POINTS = 500;

/** Everything the report shows about a run, from Postgres and the evaluation artifact. */
export async function gatherReport(
  database: DataSource,
  artifacts: ArtifactStore,
  runId: string,
): Promise<ReportInput> {
  const run = await runWithStarter(database, runId);
  const steps = await stepsOf(database, run);
  const reported = await Promise.all(steps.map((step) => reportedStep(database, step)));
  const evaluation = reported.find(({ name }) => name === 'evaluate')?.outputs['evaluation'];
  const collect = steps.find(({ name }) => name === 'collect');
  return {
    run: describedRun(run),
    configuration: run.configuration,
    steps: reported,
    collection: collect === undefined ? null : await reportedCollection(database, collect.id),
    evaluation: evaluation === undefined ? null : await artifacts.getJson<EvaluationResult>(evaluation),
  };
}

/** The run itself, as its report tells of it. */
export async function reportedRun(database: DataSource, runId: string): Promise<ReportedRun> {
  return describedRun(await runWithStarter(database, runId));
}

function runWithStarter(database: DataSource, runId: string): Promise<Run> {
  return database.manager.findOneOrFail(Run, { where: { id: runId }, relations: { starter: true } });
}

function describedRun(run: Run): ReportedRun {
  return {
    runId: run.id,
    name: run.name,
    preset: run.preset,
    // The report is the last thing a run does: whoever reads it reads of a completed one.
    status: 'completed',
    startedBy: run.starter.displayName,
    createdAt: run.createdAt.toISOString(),
    startedAt: run.startedAt?.toISOString() ?? null,
    finishedAt: new Date().toISOString(),
    commit: run.commit,
    dirty: run.dirty ?? false,
    lockfileHash: run.lockfileHash,
    configurationHash: run.configurationHash,
    versions: run.versions,
    machine: run.machine,
    forkedFrom:
      run.forkedFrom === null || run.fromStep === null ? null : { runId: run.forkedFrom, step: run.fromStep },
  };
}

/** The run's steps in order; a fork's earlier ones are those of the run it came from. */
async function stepsOf(database: DataSource, run: Run): Promise<Step[]> {
  const own = await database.manager.find(Step, {
    where: { runId: run.id },
    relations: { artifacts: true, checkpoints: true },
  });
  const inherited =
    run.forkedFrom === null ? [] : await stepsOf(database, await getRun(database, run.forkedFrom));
  return STEP_NAMES.flatMap(
    (name) => own.find((step) => step.name === name) ?? inherited.find((step) => step.name === name) ?? [],
  );
}

async function reportedStep(database: Database, step: Step): Promise<ReportedStep> {
  const artifactsOf = (direction: 'input' | 'output') =>
    Object.fromEntries(
      step.artifacts.filter((row) => row.direction === direction).map((row) => [row.name, row.artifactId]),
    );
  const series = await readSeries(database, { runId: step.runId, step: step.name, limit: POINTS });
  const metrics: Record<string, Series> = {};
  for (const { name, points } of series) metrics[name] = points;
  const details = (await listSteps(database, step.runId)).find(({ stepId }) => stepId === step.id);
  return {
    name: step.name,
    status: step.status,
    startedAt: step.startedAt?.toISOString() ?? null,
    finishedAt: step.finishedAt?.toISOString() ?? null,
    inputs: artifactsOf('input'),
    outputs: artifactsOf('output'),
    checkpoints: step.checkpoints
      .map(({ index, artifactId }) => ({ index, id: artifactId }))
      .sort((a, b) => a.index - b.index),
    metrics,
    warnings: details?.warnings ?? [],
  };
}

/** Who judged the snapshot's comparisons, and how. */
async function reportedCollection(database: Database, stepId: string): Promise<ReportedCollection> {
  const [row] = await query<ReportedCollection>(
    database,
    `SELECT count(*) FILTER (WHERE j.outcome = 'ranked')::int AS ranked,
            count(*) FILTER (WHERE j.outcome = 'tie')::int AS ties,
            count(*) FILTER (WHERE j.outcome = 'both_bad')::int AS "bothBad",
            count(*) FILTER (WHERE l.kind = 'simulated')::int AS simulated,
            count(DISTINCT j.labeler_id)::int AS labelers
       FROM snapshot_judgements s
       JOIN judgements j ON j.id = s.judgement_id
       JOIN labelers l ON l.id = j.labeler_id
      WHERE s.step_id = $1`,
    [stepId],
  );
  return row!;
}
