/** The work of the breakdown bench: the product's step `optimise`, with a checkpoint after every iteration. */
import { FileArtifactStore } from '@plumbline/artifacts';
import { optimise } from '@plumbline/rlhf';
import { loadPlan } from '@plumbline/training';
import { join } from 'node:path';
import { openRecord } from '../durability/record.js';
import { libraryVersions } from '../library-versions.js';
import type { Work } from '../serve.js';
import { writePpoInputs } from './inputs.js';
import { ppoConfiguration, UNITS } from './ours.js';
import { Stepwise } from './stepwise.js';
import type { BreakdownTask, BreakdownValues } from './task.js';

/** Loads TensorFlow; the returned function opens the record and makes the work, whose unit is an iteration. */
export function loadBreakdownWork(task: BreakdownTask): () => Promise<Work> {
  const { versions } = loadPlan(task.plan);
  return async () => {
    const artifacts = new FileArtifactStore(join(task.weightsFile, '..', 'artifacts'));
    const record = await openRecord(task.databaseUrl);
    let checkpoint = 0;
    const iterations = new Stepwise({
      step: optimise,
      configuration: ppoConfiguration(task, { iterations: UNITS, checkpointEvery: 1 }),
      inputs: await writePpoInputs(artifacts, task),
      artifacts,
      plan: task.plan,
      unit: 'iterations',
      observe: {
        // An iteration ends where the step is held; the next thing it does is its checkpoint.
        commit: async ({ index, id }) => {
          const { byteLength } = await artifacts.get(id);
          await record.commit({ index, id, bytes: byteLength, metrics: {} });
          checkpoint = (performance.now() - iterations.resumedAt) / 1000;
        },
      },
    });
    return {
      threads: task.plan.threads,
      versions: {
        ...libraryVersions(versions),
        'execution plan': `${task.plan.mode} ${task.plan.precision}`,
      },
      async unit() {
        const values = await iterations.unit();
        const found: BreakdownValues = {
          sampling: values['time/sampling']!,
          scoring: values['time/scoring']!,
          update: values['time/update']!,
          checkpoint,
        };
        return { ...found };
      },
    };
  };
}
