import { createHash } from 'node:crypto';
import type { ArtifactStore } from '@plumbline/artifacts';
import type { Actor } from '@plumbline/audit';
import { configurationHash, loadPreset, resolveConfiguration } from '@plumbline/config';
import type { ComparisonSet, RunConfiguration, StepInputs, StepName } from '@plumbline/contracts';
import {
  type ArtifactDescription,
  beginStep,
  commitCheckpoint,
  completeStep,
  createRun,
  issueEpoch,
  markStep,
  publishComparisons,
  registerArtifacts,
  reportProgress,
  setRunHistory,
  setRunReport,
  setRunStatus,
} from '@plumbline/database';
import type { DataSource } from 'typeorm';

/** Puts runs into the record through the same functions that the workers use. */
export class Seed {
  constructor(
    private readonly database: DataSource,
    private readonly artifacts: ArtifactStore,
    /** users.id of who starts the runs. */
    private readonly startedBy: string,
  ) {}

  async run(
    name: string,
    change: (configuration: RunConfiguration) => unknown = (same) => same,
  ): Promise<string> {
    const preset = loadPreset('smoke');
    const configuration = resolveConfiguration(
      change({ ...resolveConfiguration(preset.configuration), name }),
    );
    const { runId } = await createRun(this.database, {
      configuration,
      configurationHash: configurationHash(configuration),
      preset: 'smoke',
      inputs: {},
      startedBy: this.startedBy,
      commit: sha256('commit').slice(0, 40),
      dirty: false,
      lockfileHash: sha256('lockfile'),
      versions: { node: process.versions.node, tensorflow: '2.21.0' },
      machine: { processor: 'Test processor', cores: 2, memoryGiB: 8 },
    });
    return runId;
  }

  /** Begins a compute step and gives it curves and checkpoints. */
  async compute(
    runId: string,
    step: StepName,
    options: {
      inputs?: StepInputs;
      curves?: Readonly<Record<string, (index: number) => number>>;
      updates: number;
      /** Where it is now; `updates` when it is done. */
      done?: number;
    },
  ): Promise<string> {
    const { updates, done = updates, curves = {} } = options;
    const { stepId } = await beginStep(this.database, {
      runId,
      step,
      inputs: options.inputs ?? {},
      actor: GPU,
    });
    const { epoch } = await issueEpoch(this.database, { stepId, actor: GPU });
    const every = Math.ceil(updates / 4);
    for (let index = every; index <= done; index += every) {
      const manifest = await this.put('checkpoint', { step, index, runId });
      const metrics = Object.entries(curves).flatMap(([name, valueAt]) =>
        Array.from({ length: every }, (_, offset) => {
          const at = index - every + offset;
          return { index: at, name, value: valueAt(at) };
        }),
      );
      await commitCheckpoint(this.database, {
        stepId,
        epoch,
        index,
        artifactId: manifest.id,
        bytes: manifest.bytes,
        metrics,
        actor: GPU,
      });
    }
    await reportProgress(this.database, {
      stepId,
      epoch,
      progress: { phase: step === 'optimise' ? 'PPO' : 'training', done, total: updates, unit: 'updates' },
    });
    return stepId;
  }

  async complete(
    stepId: string,
    outputs: Readonly<Record<string, unknown>>,
  ): Promise<Record<string, string>> {
    const described: Record<string, ArtifactDescription> = {};
    for (const [name, content] of Object.entries(outputs)) described[name] = await this.put(name, content);
    await completeStep(this.database, { stepId, outputs: described, actor: WORKER });
    return Object.fromEntries(Object.entries(described).map(([name, { id }]) => [name, id]));
  }

  async fail(runId: string, stepId: string, reason: string): Promise<void> {
    await markStep(this.database, { stepId, status: 'failed', reason, actor: WORKER });
    await setRunStatus(this.database, { runId, status: 'failed', reason, actor: WORKER });
  }

  /** A collect step that waits for people to judge these pairs. */
  async collect(
    runId: string,
    pairs: readonly { readonly prompt: string; readonly responses: readonly [string, string] }[],
    guideline = 'Choose the response that continues the text in the more hopeful tone. If neither does, say so.',
  ): Promise<string> {
    const set = comparisonSet(pairs);
    const { id } = await this.register('comparison-set', set);
    const { stepId } = await beginStep(this.database, {
      runId,
      step: 'collect',
      inputs: { comparisons: id },
      actor: WORKER,
    });
    await publishComparisons(this.database, {
      stepId,
      set,
      artifactId: id,
      judgementsPerComparison: 1,
      guideline,
      seed: 1,
      audience: 'people',
      actor: WORKER,
    });
    await markStep(this.database, { stepId, status: 'waiting', actor: WORKER });
    return stepId;
  }

  async close(runId: string, reportHtml: string): Promise<void> {
    const html = { ...(await this.put('report', reportHtml)), mediaType: 'text/html' };
    await setRunReport(this.database, {
      runId,
      json: await this.put('report', { runId }),
      html,
      actor: WORKER,
    });
    await setRunStatus(this.database, { runId, status: 'completed', actor: WORKER });
    await setRunHistory(this.database, {
      runId,
      history: await this.put('history', { events: [{ eventId: '1', runId }] }),
      actor: WORKER,
    });
  }

  /** Stores content and makes it known to the record. */
  async register(kind: string, content: unknown): Promise<ArtifactDescription> {
    const described = await this.put(kind, content);
    await registerArtifacts(this.database, [described]);
    return described;
  }

  private async put(kind: string, content: unknown): Promise<ArtifactDescription> {
    const bytes = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
    return { id: await this.artifacts.put(bytes), kind, mediaType: 'application/json', bytes: bytes.length };
  }
}

const WORKER: Actor = { kind: 'service', id: 'pipeline-worker' };
const GPU: Actor = { kind: 'service', id: 'gpu-worker' };

function comparisonSet(
  pairs: readonly { readonly prompt: string; readonly responses: readonly string[] }[],
): ComparisonSet {
  return {
    kind: 'comparison-set',
    comparisons: pairs.map(({ prompt, responses }, index) => {
      const key = sha256(`${String(index)} ${prompt} ${responses.join(' ')}`);
      return {
        key,
        split: 'train',
        prompt: [{ role: 'document', parts: [{ type: 'text', text: prompt }] }],
        promptTokens: [index],
        responses: responses.map((text, place) => ({
          key: sha256(`${key} ${String(place)}`),
          text,
          tokens: [place],
        })),
      };
    }),
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
