import { mkdir, writeFile } from 'node:fs/promises';
import {
  GPU_QUEUE,
  LOOK_AGAIN_SIGNAL,
  PAUSE_UPDATE,
  PIPELINE_QUEUE,
  RESUME_UPDATE,
  STATE_QUERY,
  STEP_NAMES,
  stepWorkflowId,
  WORKFLOW_NAMES,
  type PipelineInput,
  type RunState,
  type StudyInput,
} from '@plumbline/contracts';
import { startTestTemporal, type TestTemporal } from '@plumbline/testing';
import {
  Client,
  Connection,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordingActivities, type Behaviour, type Recording } from './recording-activities.js';
import { sourceBundleOptions } from './source-bundle.js';

const HISTORIES = new URL('./histories/', import.meta.url);
/** RECORD_HISTORIES=1 writes the histories that replay.test.ts replays; commit them. */
const IDENTITY = 'plumbline-test';
const recordHistories = process.env['RECORD_HISTORIES'] === '1';

let temporal: TestTemporal;
let connection: Connection;
let nativeConnection: NativeConnection;
let bundle: WorkflowBundleWithSourceMap;
let client: Client;
let counter = 0;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('WARN') });
  temporal = await startTestTemporal();
  connection = await Connection.connect({ address: temporal.address });
  nativeConnection = await NativeConnection.connect({ address: temporal.address });
  client = new Client({ connection, identity: IDENTITY });
  bundle = await bundleWorkflowCode(sourceBundleOptions);
});
afterAll(async () => {
  await connection.close();
  await nativeConnection.close();
  await temporal.stop();
});

/** Runs workers while `work` goes on with a pipeline of its own. */
async function withPipeline(
  behaviour: Behaviour,
  input: Partial<PipelineInput> | { readonly study: Omit<StudyInput, 'runId'> },
  work: (handle: WorkflowHandle, recording: Recording, runId: string) => Promise<void>,
): Promise<void> {
  const { activities, recording } = recordingActivities(behaviour);
  counter += 1;
  const runId = `test-${counter}`;
  const queue = `${PIPELINE_QUEUE}-${counter}`;
  const common = {
    identity: IDENTITY,
    connection: nativeConnection,
    activities,
    maxHeartbeatThrottleInterval: '50 milliseconds',
  } as const;
  const pipeline = await Worker.create({ ...common, taskQueue: queue, workflowBundle: bundle });
  const gpu = await Worker.create({ ...common, taskQueue: GPU_QUEUE });
  await pipeline.runUntil(
    gpu.runUntil(async () => {
      const isStudy = 'study' in input;
      const given = isStudy ? { runId, ...input.study } : { runId, inputs: {}, ...input };
      const handle = await client.workflow.start(isStudy ? WORKFLOW_NAMES.study : WORKFLOW_NAMES.pipeline, {
        taskQueue: queue,
        workflowId: `run-${runId}`,
        args: [given satisfies PipelineInput | StudyInput],
      });
      await work(handle, recording, runId);
    }),
  );
}

async function keepHistories(name: string, runId: string): Promise<void> {
  if (!recordHistories) return;
  await mkdir(HISTORIES, { recursive: true });
  for (const id of [`run-${runId}`, ...STEP_NAMES.map((step) => stepWorkflowId(runId, step))]) {
    const history = await client.workflow
      .getHandle(id)
      .fetchHistory()
      .catch(() => null);
    if (history === null) continue;
    const file = new URL(`${name}.${id.replace(`run-${runId}`, 'run')}.json`, HISTORIES);
    // Where the code lay when it failed is nobody's business and differs everywhere.
    await writeFile(
      file,
      `${historyToJSON(history).replaceAll(/"stackTrace": ".*"/g, '"stackTrace": ""')}\n`,
    );
  }
}

const until = (condition: () => boolean) =>
  expect.poll(condition, { timeout: 20_000, interval: 20 }).toBe(true);

const SIMULATED: Behaviour = { required: 4, simulatedLabelers: 2 };
const PEOPLE: Behaviour = { required: 4, simulatedLabelers: 0 };

describe('pipeline', () => {
  it('chains the steps, each with what earlier ones made, and ends with the report', async () => {
    await withPipeline(SIMULATED, {}, async (handle, { calls }, runId) => {
      await handle.result();
      expect(calls).toEqual([
        'begin pretrain',
        'pretrain',
        'complete step-pretrain model',
        'begin sample model',
        'sample',
        'complete step-sample comparisons',
        'begin collect comparisons',
        'publish',
        'simulate',
        'freeze',
        'complete step-collect preferences',
        'begin reward comparisons,model,preferences',
        'trainReward',
        'complete step-reward reward',
        'begin optimise model,reward',
        'optimise',
        'complete step-optimise policy',
        'begin evaluate comparisons,model,policy,preferences,reward',
        'evaluate',
        'complete step-evaluate evaluation',
        'report',
        'run completed',
      ]);
      await keepHistories('completed', runId);
    });
  });

  it('fine-tunes where that is asked for, and goes on with the model that it gives', async () => {
    await withPipeline(SIMULATED, { optionalSteps: ['sft'] }, async (handle, { calls }, runId) => {
      await handle.result();
      expect(calls.filter((call) => call.startsWith('begin'))).toEqual([
        'begin pretrain',
        'begin sft model',
        'begin sample model',
        'begin collect comparisons',
        'begin reward comparisons,model,preferences',
        'begin optimise model,reward',
        'begin evaluate comparisons,model,policy,preferences,reward',
      ]);
      expect(calls).toContain('fineTune');
      await keepHistories('fine-tuned', runId);
    });
  });

  it('gives the optimiser what its algorithm reads', async () => {
    const input = {
      fromStep: 'optimise',
      optimiserInputs: ['comparisons', 'preferences'],
      inputs: { model: 'm', comparisons: 'c', preferences: 'p', reward: 'r' },
    } as const;
    await withPipeline(SIMULATED, input, async (handle, { calls }) => {
      await handle.result();
      expect(calls.filter((call) => call.startsWith('begin'))).toEqual([
        'begin optimise comparisons,model,preferences,reward',
        'begin evaluate comparisons,model,policy,preferences,reward',
      ]);
    });
  });

  it('starts at fine-tuning from a pretrained model', async () => {
    const input = { fromStep: 'sft', optionalSteps: ['sft'], inputs: { model: 'm' } } as const;
    await withPipeline(SIMULATED, input, async (handle, { calls }) => {
      await handle.result();
      expect(calls.filter((call) => call.startsWith('begin')).slice(0, 2)).toEqual([
        'begin sft model',
        'begin sample model',
      ]);
    });
  });

  it('runs one step alone, from the inputs it is given, without a report', async () => {
    await withPipeline(SIMULATED, { step: 'sample', inputs: { model: 'm' } }, async (handle, { calls }) => {
      expect(await handle.result()).toEqual({ outputs: { model: 'm', comparisons: 'comparisons-id' } });
      expect(calls).toEqual([
        'begin sample model',
        'sample',
        'complete step-sample comparisons',
        'run completed',
      ]);
    });
  });

  it('starts at a later step from the artifacts of another run', async () => {
    const inputs = { model: 'm', comparisons: 'c', preferences: 'p', reward: 'r' };
    await withPipeline(SIMULATED, { fromStep: 'optimise', inputs }, async (handle, { calls }) => {
      await handle.result();
      expect(calls.filter((call) => call.startsWith('begin'))).toEqual([
        'begin optimise model,reward',
        'begin evaluate comparisons,model,policy,preferences,reward',
      ]);
    });
  });

  it('fails with the reason when a step fails for good, and goes no further', async () => {
    await withPipeline({ ...SIMULATED, failing: 'trainReward' }, {}, async (handle, { calls }, runId) => {
      await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
      expect(calls.slice(-2)).toEqual([
        'mark step-reward failed the loss is not finite',
        'run failed the loss is not finite',
      ]);
      await keepHistories('failed', runId);
    });
  });

  it('is cancelled in the middle of a step: the work is told, the rows say so', async () => {
    await withPipeline({ ...SIMULATED, endless: 'optimise' }, {}, async (handle, { calls }, runId) => {
      await until(() => calls.includes('optimise'));
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
      expect(calls.slice(-2)).toEqual(['mark step-optimise cancelled', 'run cancelled']);
      await keepHistories('cancelled', runId);
    });
  });
});

describe('study', () => {
  /** The first reward model is as large as the policy; the second needs a pretrained model of its own. */
  const study = { pretrains: [false, true], labels: [100, 300] };

  it('pretrains, samples and collects once; then a run for each reward model, and a report of all', async () => {
    await withPipeline(SIMULATED, { study }, async (handle, { calls }, runId) => {
      await handle.result();
      expect(calls.slice(0, 11)).toEqual([
        'begin pretrain',
        'pretrain',
        'complete step-pretrain model',
        'begin sample model',
        'sample',
        'complete step-sample comparisons',
        'begin collect comparisons',
        'publish',
        'simulate',
        'freeze',
        'complete step-collect preferences',
      ]);
      expect(calls.filter((call) => call.startsWith('member'))).toEqual([
        'member pretrain-1',
        'member 0-100 comparisons,model,preferences',
        'member 0-300 comparisons,model,preferences',
        'member 1-100 comparisons,model,preferences,rewardBase',
        'member 1-300 comparisons,model,preferences,rewardBase',
      ]);
      const begun = calls.filter((call) => call.startsWith('begin reward')).sort();
      expect(begun).toEqual([
        'begin reward comparisons,model,preferences',
        'begin reward comparisons,model,preferences',
        'begin reward comparisons,model,preferences,rewardBase',
        'begin reward comparisons,model,preferences,rewardBase',
      ]);
      expect(calls.filter((call) => call === 'evaluate')).toHaveLength(4);
      expect(calls.filter((call) => call === 'report')).toHaveLength(4);
      // The pretraining, the four, and the study last.
      expect(calls.filter((call) => call === 'run completed')).toHaveLength(6);
      expect(calls.slice(-2)).toEqual(['study report', 'run completed']);
      await keepHistories('study', runId);
    });
  });

  it('fails with the reason when one of its runs fails', async () => {
    await withPipeline({ ...SIMULATED, failing: 'optimise' }, { study }, async (handle, { calls }) => {
      await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
      expect(calls).toContain('run failed the loss is not finite');
      expect(calls).not.toContain('study report');
    });
  });

  it('pauses with its runs, and goes on with them', async () => {
    const behaviour: Behaviour = { ...SIMULATED, endless: 'trainReward' };
    await withPipeline(
      behaviour,
      { study: { pretrains: [false], labels: [50] } },
      async (handle, { calls }) => {
        await until(() => calls.includes('trainReward'));
        await handle.executeUpdate(PAUSE_UPDATE);
        await until(() => calls.includes('mark step-reward paused') && calls.includes('run paused'));
        await handle.executeUpdate(RESUME_UPDATE);
        await handle.result();
        expect(calls.filter((call) => call === 'trainReward')).toHaveLength(2);
        expect(calls.slice(-2)).toEqual(['study report', 'run completed']);
      },
    );
  });

  it('is cancelled with its runs', async () => {
    await withPipeline({ ...SIMULATED, endless: 'optimise' }, { study }, async (handle, { calls }) => {
      await until(() => calls.includes('optimise'));
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
      await until(() => calls.filter((call) => call === 'run cancelled').length === 5);
      expect(calls).not.toContain('study report');
    });
  });
});

describe('pause', () => {
  it('holds a step at its next segment and goes on when resumed', async () => {
    await withPipeline({ ...SIMULATED, endless: 'pretrain' }, {}, async (handle, { calls }, runId) => {
      await until(() => calls.includes('pretrain'));
      await handle.executeUpdate(PAUSE_UPDATE);
      await until(() => calls.includes('mark step-pretrain paused'));
      expect(await handle.query<RunState>(STATE_QUERY)).toEqual({ paused: true, step: 'pretrain' });
      await expect(handle.executeUpdate(PAUSE_UPDATE)).rejects.toThrow(WorkflowUpdateFailedError);

      await handle.executeUpdate(RESUME_UPDATE);
      await handle.result();
      expect(calls.filter((call) => call === 'pretrain')).toHaveLength(2);
      expect(calls.at(-1)).toBe('run completed');
      await keepHistories('paused', runId);
    });
  });

  it('refuses to resume what is not paused', async () => {
    await withPipeline(PEOPLE, {}, async (handle, { calls, judged }, runId) => {
      await until(() => calls.includes('mark step-collect waiting'));
      await expect(handle.executeUpdate(RESUME_UPDATE)).rejects.toMatchObject({
        cause: { message: 'the run is not paused' },
      });
      judged.set(runId, PEOPLE.required);
      await client.workflow.getHandle(stepWorkflowId(runId, 'collect')).signal(LOOK_AGAIN_SIGNAL);
      await handle.result();
    });
  });
});

describe('collect', () => {
  it('waits for people, however often it is told to look again before they are done', async () => {
    await withPipeline(PEOPLE, {}, async (handle, { calls, judged }, runId) => {
      await until(() => calls.includes('mark step-collect waiting'));
      const collect = client.workflow.getHandle(stepWorkflowId(runId, 'collect'));
      for (let judgement = 1; judgement <= PEOPLE.required; judgement += 1) {
        expect(calls).not.toContain('freeze');
        judged.set(runId, judgement);
        await collect.signal(LOOK_AGAIN_SIGNAL);
      }
      await handle.result();
      expect(calls).not.toContain('simulate');
      expect(calls.indexOf('mark step-collect running')).toBeLessThan(calls.indexOf('freeze'));
      await keepHistories('people', runId);
    });
  });
});
