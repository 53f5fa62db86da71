/** One whole pretraining run by the product's own step, in a store that is thrown away: its held-out loss. */
import { FileArtifactStore } from '@plumbline/artifacts';
import { loadPlan, pretrain, type StepContext } from '@plumbline/training';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libraryVersions } from '../library-versions.js';
import type { Work } from '../serve.js';
import type { PrecisionTask } from './task.js';

/** Loads TensorFlow; the returned function makes the work, whose unit is a run from the first update to the last. */
export function loadPrecisionWork(task: PrecisionTask): () => Work {
  const { versions, threads } = loadPlan(task.plan);
  return () => ({
    threads: threads ?? task.plan.threads,
    versions: libraryVersions(versions),
    unit: () => run(task),
  });
}

async function run({ configuration, plan }: PrecisionTask): Promise<{ heldOutLoss: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'plumbline-precision-'));
  let heldOutLoss: number | undefined;
  const context: StepContext = {
    artifacts: new FileArtifactStore(directory),
    plan,
    resumeFrom: null,
    progress: ({ metrics }) => (heldOutLoss = metrics?.values['heldOutLoss'] ?? heldOutLoss),
    commit: () => Promise.resolve(),
    shouldPause: () => false,
    breathe: () => Promise.resolve(),
  };
  try {
    await pretrain(configuration, {}, context);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  if (heldOutLoss === undefined) throw new Error('the run reported no held-out loss');
  return { heldOutLoss };
}
