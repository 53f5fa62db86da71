/** The steps of a run in this process, without services: artifacts in a folder, resumed from the last checkpoint. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FileArtifactStore } from '@plumbline/artifacts';
import { evaluate } from '@plumbline/evaluation';
import { goldReward, simulatedJudgement } from '@plumbline/evaluation/gold';
import { availableEngine } from '@plumbline/generation';
import { optimise, sample, trainReward } from '@plumbline/rlhf';
import { COMPILED_FP32, loadPlan, pretrain } from '@plumbline/training';

const COMPUTE = { pretrain, sample, reward: trainReward, optimise, evaluate };

/**
 * Runs the steps that are not done yet and gives the evaluation's result. fp32 and compiled, whatever the machine.
 *
 * @param {import('@plumbline/contracts').RunConfiguration} configuration
 * @param {readonly string[]} steps in order; `collect`: simulated labelers judge each comparison once
 * @param {string} folder where artifacts and progress are kept; a folder holds one configuration's
 */
export async function runInProcess(configuration, steps, folder) {
  mkdirSync(folder, { recursive: true });
  const artifacts = new FileArtifactStore(join(folder, 'artifacts'));
  const plan = { ...COMPILED_FP32, threads: availableParallelism(), generation: availableEngine() };
  const progress = new ProgressFile(join(folder, 'progress.json'));
  for (const step of steps) {
    if (progress.outputs(step)) continue;
    const started = Date.now();
    const inputs = progress.all();
    const outputs =
      step === 'collect'
        ? { preferences: await judge(configuration, inputs.comparisons, artifacts) }
        : await compute(step, configuration, inputs, { artifacts, plan, progress });
    progress.complete(step, outputs);
    console.error(
      `${configuration.name}, seed ${configuration.seed}: ${step} ${Math.round((Date.now() - started) / 1000)} s`,
    );
  }
  return artifacts.getJson(progress.all().evaluation);
}

async function compute(step, configuration, inputs, { artifacts, plan, progress }) {
  loadPlan(plan);
  const result = await COMPUTE[step](configuration, inputs, {
    artifacts,
    plan,
    resumeFrom: progress.checkpoint(step),
    progress: () => undefined,
    commit: ({ id }) => {
      progress.commit(step, id);
      return Promise.resolve();
    },
    shouldPause: () => false,
    breathe: () => nextTurn(),
  });
  return result.outputs;
}

/** What simulated labelers would answer. */
async function judge({ seed, collect }, comparisons, artifacts) {
  const set = await artifacts.getJson(comparisons);
  const preferences = set.comparisons.map(({ key, responses }) => ({
    comparison: key,
    ordinal: 0,
    ...simulatedJudgement({
      seed,
      comparisonKey: key,
      ordinal: 0,
      goldRewards: responses.map(({ text }) => goldReward(text)),
      noise: collect.simulatedNoise,
    }),
  }));
  preferences.sort((a, b) => (a.comparison < b.comparison ? -1 : 1));
  return artifacts.putJson({ kind: 'preference-snapshot', comparisons, preferences });
}

/** Outputs of the steps that are done, and the newest checkpoint of the one at work. */
class ProgressFile {
  constructor(path) {
    this.path = path;
    this.steps = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  }
  outputs(step) {
    return this.steps[step]?.outputs;
  }
  checkpoint(step) {
    return this.steps[step]?.checkpoint ?? null;
  }
  all() {
    return Object.assign({}, ...Object.values(this.steps).map(({ outputs }) => outputs ?? {}));
  }
  commit(step, checkpoint) {
    this.write({ ...this.steps, [step]: { checkpoint } });
  }
  complete(step, outputs) {
    this.write({ ...this.steps, [step]: { outputs } });
  }
  write(steps) {
    this.steps = steps;
    writeFileSync(`${this.path}.new`, JSON.stringify(steps, null, 2));
    renameSync(`${this.path}.new`, this.path);
  }
}
