/** Our side of the preference and policy benches: the product's own steps, an update or iteration at a time. */
import { FileArtifactStore } from '@plumbline/artifacts';
import { resolveConfiguration } from '@plumbline/config';
import type { RunConfiguration } from '@plumbline/contracts';
import { optimise, trainReward } from '@plumbline/rlhf';
import { loadPlan } from '@plumbline/training';
import { join } from 'node:path';
import { libraryVersions } from '../library-versions.js';
import type { Work } from '../serve.js';
import { SEED, writePpoInputs, writeRewardInputs } from './inputs.js';
import { Stepwise } from './stepwise.js';
import type { PpoTask, PpoWork, RewardTask } from './task.js';

/** Units after which a step is begun again. A step of at most 399 measures itself in every unit. */
export const UNITS = 399;
const NEVER = 10 ** 6;

/** Loads TensorFlow; the returned function writes what the step needs and makes the work. */
export function loadPpoWork(task: PpoTask): () => Promise<Work> {
  const { versions } = loadPlan(task.plan);
  return async () => {
    const artifacts = storeBeside(task.weightsFile);
    const inputs = await writePpoInputs(artifacts, task);
    const iterations = new Stepwise({
      step: optimise,
      configuration: ppoConfiguration(task, { iterations: UNITS, checkpointEvery: NEVER }),
      inputs,
      artifacts,
      plan: task.plan,
      unit: 'iterations',
    });
    return {
      ...description(task, versions),
      async unit() {
        const values = await iterations.unit();
        return {
          entropy: values['objective/entropy']!,
          sampling: values['time/sampling']!,
          scoring: values['time/scoring']!,
          update: values['time/update']!,
        };
      },
    };
  };
}

/** The run whose step `optimise` does the work. */
export function ppoConfiguration(
  work: PpoWork,
  { iterations, checkpointEvery }: { readonly iterations: number; readonly checkpointEvery: number },
): RunConfiguration {
  return resolveConfiguration({
    name: 'bench',
    seed: SEED,
    model: work.model,
    sample: {
      promptTokens: work.promptTokens,
      responseTokens: work.newTokens,
      temperature: work.temperature,
    },
    optimise: {
      algorithm: 'ppo',
      episodes: iterations * work.batch,
      batch: work.batch,
      epochs: work.epochs,
      minibatches: 1,
      heldOutPrompts: 0,
      learningRate: work.learningRate,
      kl: { controller: 'fixed', coefficient: work.klCoefficient },
      checkpointEvery,
    },
  });
}

/** Loads TensorFlow; the returned function writes what the step needs and makes the work. */
export function loadRewardWork(task: RewardTask): () => Promise<Work> {
  const { versions } = loadPlan(task.plan);
  return async () => {
    const artifacts = storeBeside(task.weightsFile);
    const inputs = await writeRewardInputs(artifacts, task);
    const updates = new Stepwise({
      step: trainReward,
      configuration: resolveConfiguration({
        name: 'bench',
        seed: SEED,
        model: task.model,
        sample: { promptTokens: task.promptTokens, responseTokens: task.newTokens },
        reward: {
          epochs: UNITS,
          batch: task.batch,
          learningRate: task.learningRate,
          checkpointEvery: NEVER,
        },
      }),
      inputs,
      artifacts,
      plan: task.plan,
      unit: 'updates',
    });
    return {
      ...description(task, versions),
      async unit() {
        const { loss } = await updates.unit();
        return { loss: loss! };
      },
    };
  };
}

function storeBeside(file: string): FileArtifactStore {
  return new FileArtifactStore(join(file, '..', 'artifacts'));
}

function description(
  { plan }: PpoTask | RewardTask,
  versions: Readonly<Record<string, string>>,
): Pick<Work, 'threads' | 'versions'> {
  return {
    threads: plan.threads,
    versions: { ...libraryVersions(versions), 'execution plan': `${plan.mode} ${plan.precision}` },
  };
}
