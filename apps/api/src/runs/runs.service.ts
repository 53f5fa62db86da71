import type { ArtifactStore } from '@plumbline/artifacts';
import { Inject, Injectable } from '@nestjs/common';
import {
  ConfigurationError,
  configurationHash,
  environment,
  forkedConfiguration,
  hasSize,
  loadPreset,
  resolveConfiguration,
  type ConfigurationProblem,
} from '@plumbline/config';
import {
  ALGORITHM_INPUTS,
  INPUT_NAMES,
  isTerminal,
  OPTIONAL_STEPS,
  STEP_NAMES,
  stepsOf,
  type PipelineInput,
  type RunConfiguration,
  type Status,
  type StepInputs,
  type StepName,
  type StudyInput,
} from '@plumbline/contracts';
import {
  appendEvent,
  createRun,
  createSimulatedLabelers,
  getRun,
  inTransaction,
  knownArtifacts,
  listRunEvents,
  listRuns,
  listSteps,
  readSeries,
  setRunStatus,
  type ListedRun,
  type NewRun,
  type Run,
} from '@plumbline/database';
import { DataSource } from 'typeorm';
import { ARTIFACT_STORE } from '../artifacts/artifact-store.token.js';
import type { Caller } from '../auth/principal.js';
import { generateToken, hashToken } from '../auth/secrets.js';
import { ProblemError } from '../problems/problem.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import type {
  EventPageDto,
  ForkRunDto,
  RunDetailDto,
  RunPageDto,
  RunSummaryDto,
  SeriesDto,
  SimulatedLabelerDto,
  StartRunDto,
} from './dto/runs.dto.js';
import { registerImportedModels } from './imported-models.js';
import { readProvenance } from './provenance.js';
import { Workflows } from './workflows.js';

/** A study starts no more: its configuration is limited. */
const MOST_MEMBERS = 200;

@Injectable()
export class RunsService {
  private readonly provenance = readProvenance(environment().root);

  constructor(
    private readonly database: DataSource,
    private readonly workflows: Workflows,
    @Inject(ARTIFACT_STORE) private readonly artifacts: ArtifactStore,
  ) {}

  async list(cursor: string | undefined, limit: number): Promise<RunPageDto> {
    const runs = await listRuns(this.database, {
      cursor: cursor === undefined ? null : decodeCursor(cursor),
      limit: limit + 1,
    });
    const items = runs.slice(0, limit);
    const last = items.at(-1);
    return {
      items: items.map(summary),
      nextCursor: runs.length > limit && last !== undefined ? encodeCursor(last.cursor) : null,
    };
  }

  /** @throws DatabaseError `not_found` */
  async detail(runId: string): Promise<RunDetailDto> {
    const [run, [listed], steps, members] = await Promise.all([
      getRun(this.database, runId),
      listRuns(this.database, { id: runId, limit: 1 }),
      listSteps(this.database, runId),
      listRuns(this.database, { studyId: runId, limit: MOST_MEMBERS }),
    ]);
    return {
      ...summary(listed as ListedRun),
      error: run.error,
      configuration: { ...run.configuration },
      configurationHash: run.configurationHash,
      commit: run.commit,
      dirty: run.dirty,
      lockfileHash: run.lockfileHash,
      versions: run.versions,
      machine: run.machine,
      forkedFrom: run.forkedFrom,
      workflowId: run.workflowId,
      report:
        run.reportJson !== null && run.reportHtml !== null
          ? { json: run.reportJson, html: run.reportHtml }
          : null,
      historyArtifact: run.historyArtifact,
      ...(run.studyId !== null && { study: run.studyId }),
      ...(run.configuration.study !== undefined && { members: members.reverse().map(summary) }),
      steps: steps.map((step) => ({
        ...step,
        startedAt: iso(step.startedAt),
        finishedAt: iso(step.finishedAt),
        inputs: { ...step.inputs },
        checkpoints: [...step.checkpoints],
        warnings: [...step.warnings],
        metrics: Object.fromEntries(
          Object.entries(step.metrics).filter(([, value]) => Number.isFinite(value)),
        ),
      })),
    };
  }

  /** @throws DatabaseError `not_found` */
  async metrics(runId: string, step: StepName | undefined): Promise<SeriesDto[]> {
    await getRun(this.database, runId);
    const series = await readSeries(this.database, { runId, step: step ?? null });
    return series.map(({ points, ...rest }) => ({
      ...rest,
      // JSON has no NaN.
      points: points.filter(([, value]) => Number.isFinite(value)).map(([index, value]) => [index, value]),
    }));
  }

  /** @throws DatabaseError `not_found` */
  async events(runId: string, cursor: string | undefined, limit: number): Promise<EventPageDto> {
    await getRun(this.database, runId);
    const events = await listRunEvents(this.database, { runId, cursor: cursor ?? null, limit: limit + 1 });
    const items = events.slice(0, limit);
    return {
      items: items.map(({ id, at, actor, action, subject, payload }) => ({
        id,
        at: at.toISOString(),
        actor: { kind: actor.kind, name: actor.name },
        action,
        subject: { ...subject },
        payload: { ...payload },
      })),
      nextCursor: events.length > limit ? (items.at(-1)?.seq ?? null) : null,
    };
  }

  /**
   * @throws ConfigurationError, ProblemError `unavailable` when the workflow could not be started (the run is failed
   *   then, with the reason)
   */
  async start(request: StartRunDto, caller: Caller): Promise<string> {
    const { preset, configuration: given, overrides } = request;
    if ((preset === undefined) === (given === undefined)) {
      throw new ProblemError('invalid-request', 'give either preset or configuration', [
        {
          path: preset === undefined ? 'preset' : 'configuration',
          message: 'give either preset or configuration',
        },
      ]);
    }
    const input = preset === undefined ? given : presetConfiguration(preset);
    const configuration = resolveConfiguration(input, { overrides, baseDirectory: environment().root });
    await this.checkInputs(configuration.inputs);
    return this.launch({
      configuration,
      preset: preset ?? null,
      inputs: configuration.inputs,
      startedBy: caller.userId,
    });
  }

  /**
   * A new run that takes what the steps before `from` made, and executes the rest anew.
   *
   * @throws ProblemError `conflict` when one of those steps is not completed; ConfigurationError for overrides that
   *   would contradict what is reused
   */
  async fork(runId: string, request: ForkRunDto, caller: Caller): Promise<string> {
    const { from, overrides = [] } = request;
    const original = await getRun(this.database, runId);
    if (original.configuration.step !== undefined) {
      throw new ProblemError('conflict', `run ${runId} is the single step ${original.configuration.step}`);
    }
    if (original.configuration.study !== undefined) {
      throw new ProblemError('conflict', `run ${runId} is a study: fork one of the runs that it started`);
    }
    refuseOverridesOfReusedWork(from, overrides);
    const configuration = resolveConfiguration(forkedConfiguration(original.configuration, overrides), {
      overrides,
      baseDirectory: environment().root,
    });
    if (!stepsOf(configuration).includes(from)) {
      throw new ConfigurationError([{ path: from, message: `a fork from ${from} needs this section` }]);
    }
    const inputs = await this.outputsBefore(from, original);
    return this.launch({
      configuration,
      preset: original.preset,
      inputs,
      fromStep: from,
      forkedFrom: runId,
      startedBy: caller.userId,
    });
  }

  /** @returns the run's status now; it changes when the step at work comes to its next checkpoint */
  async pause(runId: string, caller: Caller): Promise<Status> {
    return this.ask(runId, caller, 'run.pausing', (workflowId) => this.workflows.update(workflowId, 'pause'));
  }

  async resume(runId: string, caller: Caller): Promise<Status> {
    return this.ask(runId, caller, 'run.resuming', (workflowId) =>
      this.workflows.update(workflowId, 'resume'),
    );
  }

  async cancel(runId: string, caller: Caller): Promise<Status> {
    return this.ask(runId, caller, 'run.cancelling', async (workflowId) => {
      if (await this.workflows.cancel(workflowId)) return;
      // No workflow will ever say so.
      const actor = { kind: 'user', id: caller.userId } as const;
      await setRunStatus(this.database, { runId, status: 'cancelled', reason: 'it had no workflow', actor });
    });
  }

  /** @throws DatabaseError `not_found`; ProblemError `conflict` for a run that is over */
  async addSimulatedLabelers(runId: string, count: number, caller: Caller): Promise<SimulatedLabelerDto[]> {
    await this.openRun(runId);
    const tokens = Array.from({ length: count }, generateToken);
    const names = await createSimulatedLabelers(this.database, {
      runId,
      tokenHashes: tokens.map(hashToken),
      actor: { kind: 'user', id: caller.userId },
    });
    return names.map((name, index) => ({ name, token: tokens[index] as string }));
  }

  private async launch(
    run: Omit<NewRun, keyof Awaited<ReturnType<typeof readProvenance>> | 'configurationHash'>,
  ) {
    const { configuration, inputs, fromStep } = run;
    const { runId, workflowId } = await createRun(this.database, {
      ...run,
      ...(await this.provenance),
      configurationHash: configurationHash(configuration),
    });
    try {
      await this.workflows.start(workflowId, workflowInput(runId, configuration, { inputs, fromStep }));
    } catch (error) {
      await setRunStatus(this.database, {
        runId,
        status: 'failed',
        reason: error instanceof Error ? error.message : String(error),
        actor: { kind: 'service', id: 'api' },
      });
      throw error;
    }
    return runId;
  }

  private async openRun(runId: string): Promise<{ workflowId: string }> {
    const run = await getRun(this.database, runId);
    if (isTerminal(run.status)) throw new ProblemError('conflict', `the run is ${run.status}`);
    return run;
  }

  private async ask(
    runId: string,
    caller: Caller,
    action: 'run.pausing' | 'run.resuming' | 'run.cancelling',
    tell: (workflowId: string) => Promise<void>,
  ): Promise<Status> {
    const { workflowId } = await this.openRun(runId);
    await tell(workflowId);
    await inTransaction(this.database, (manager) =>
      appendEvent(manager, {
        actor: { kind: 'user', id: caller.userId },
        action,
        subject: { type: 'run', id: runId },
        runId,
      }),
    );
    return (await getRun(this.database, runId)).status;
  }

  private async checkInputs(inputs: StepInputs): Promise<void> {
    const ids = Object.values(inputs);
    const known = await knownArtifacts(this.database, ids);
    const unknown = ids.filter((id) => !known.has(id));
    const imported = await registerImportedModels(this.database, this.artifacts, unknown);
    const problems = Object.entries(inputs).flatMap(([name, id]): ConfigurationProblem[] =>
      known.has(id) || imported.has(id)
        ? []
        : [{ path: `inputs.${name}`, message: `there is no artifact ${id}` }],
    );
    if (problems.length > 0) throw new ConfigurationError(problems);
  }

  /** What the steps before `from` made. A fork's earlier steps are those of the run that it came from. */
  private async outputsBefore(from: StepName, original: Run): Promise<StepInputs> {
    const known: Record<string, string> = {};
    for (const name of stepsOf(original.configuration).filter((step) => comesBefore(step, from))) {
      let run = original;
      while (run.forkedFrom !== null && run.fromStep !== null && comesBefore(name, run.fromStep)) {
        run = await getRun(this.database, run.forkedFrom);
      }
      const step = (await listSteps(this.database, run.id)).find((candidate) => candidate.name === name);
      if (step?.status !== 'completed') {
        throw new ProblemError('conflict', `step ${name} of run ${run.id} is ${step?.status ?? 'not begun'}`);
      }
      // The model of fine-tuning takes the place of the pretrained one.
      Object.assign(known, step.outputs);
    }
    return Object.fromEntries(
      INPUT_NAMES.flatMap((name) => (known[name] === undefined ? [] : [[name, known[name]]])),
    );
  }
}

/** What the run's workflow is started with; a study's is another one. */
function workflowInput(
  runId: string,
  configuration: RunConfiguration,
  { inputs, fromStep }: Pick<NewRun, 'inputs' | 'fromStep'>,
): PipelineInput | StudyInput {
  const { model, study, optimise, step } = configuration;
  if (study !== undefined) {
    return {
      runId,
      pretrains: study.rewardModels.map((size) => !hasSize(model, size)),
      labels: study.labels,
    };
  }
  const optimiserInputs = ALGORITHM_INPUTS[optimise.algorithm];
  return {
    runId,
    step,
    inputs,
    fromStep,
    optionalSteps: OPTIONAL_STEPS.filter((name) => configuration[name] !== undefined),
    ...(optimiserInputs.length > 0 && { optimiserInputs }),
  };
}

function comesBefore(step: StepName, other: StepName): boolean {
  return STEP_NAMES.indexOf(step) < STEP_NAMES.indexOf(other);
}

function presetConfiguration(name: string): unknown {
  try {
    return loadPreset(name).configuration;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new ConfigurationError(error.problems.map(({ message }) => ({ path: 'preset', message })));
  }
}

/** What the reused steps were made with cannot change under them. */
function refuseOverridesOfReusedWork(from: StepName, overrides: readonly { path: string }[]): void {
  const reused: readonly string[] = STEP_NAMES.slice(0, STEP_NAMES.indexOf(from));
  const fixed = new Set([...reused, 'step', 'inputs', ...(reused.length > 0 ? ['model', 'seed'] : [])]);
  const problems = overrides
    .filter(({ path }) => fixed.has(path.split('.')[0] as string))
    .map(({ path }) => ({ path, message: `cannot change in a fork from ${from}: earlier steps are reused` }));
  if (problems.length > 0) throw new ConfigurationError(problems);
}

function summary(run: ListedRun): RunSummaryDto {
  return {
    runId: run.id,
    name: run.name,
    status: run.status,
    preset: run.preset,
    startedBy: run.startedBy,
    createdAt: run.createdAt.toISOString(),
    startedAt: iso(run.startedAt),
    finishedAt: iso(run.finishedAt),
    currentStep: run.currentStep,
    progress: run.progress,
  };
}

function iso(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
