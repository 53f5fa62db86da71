/**
 * The work of the durability bench: updates of the product's trainer, and checkpoints as its training loop makes them —
 * snapshot, blobs, manifest, and only then the commit, which the next update waits for.
 */
import { FileArtifactStore, writeCheckpoint } from '@plumbline/artifacts';
import { tf } from '@plumbline/compute';
import { disposeParameters, initialise, toTensorMap } from '@plumbline/model';
import { languageModelLoss, loadPlan, rowBatch, Trainer, type UpdateMetrics } from '@plumbline/training';
import { libraryVersions } from '../library-versions.js';
import { benchTokens, LEARNING_RATE, MAXIMUM_GRADIENT_NORM, OPTIMISER } from '../pretrain/task.js';
import type { Work } from '../serve.js';
import { openRecord } from './record.js';
import type { DurabilityTask, DurabilityValues } from './task.js';

/** Updates that are not measured: the first compiles. */
const WARMUP = 3;
/** A stretch has at least so many. */
const FEWEST_UPDATES = 4;

/** Loads TensorFlow; the returned function builds the trainer and opens the record. */
export function loadDurabilityWork(task: DurabilityTask): () => Promise<Work> {
  const { versions } = loadPlan(task.plan);
  return () => durabilityWork(task, versions);
}

async function durabilityWork(task: DurabilityTask, versions: Work['versions']): Promise<Work> {
  const { model, batch, plan } = task;
  const artifacts = new FileArtifactStore(task.artifacts);
  const record = await openRecord(task.databaseUrl);
  const initial = initialise(model, 1);
  const weights = toTensorMap(initial);
  disposeParameters(initial);
  const trainer = new Trainer({
    loss: (parameters, inputs) => languageModelLoss(parameters, model, inputs),
    adamW: OPTIMISER,
    maximumGradientNorm: MAXIMUM_GRADIENT_NORM,
    weights,
    plan,
  });

  const update = (): UpdateMetrics => {
    const inputs = rowBatch({ count: batch, tokens: benchTokens(task, trainer.updates) }, model.context);
    const metrics = trainer.update(inputs, LEARNING_RATE);
    tf.dispose(Object.values(inputs));
    return metrics;
  };
  const checkpoint = async (metrics: UpdateMetrics): Promise<CheckpointCost> => {
    const index = trainer.updates;
    const started = seconds();
    const snapshot = trainer.snapshot();
    const copied = seconds();
    const id = await writeCheckpoint(artifacts, {
      step: 'pretrain',
      index,
      configuration: { seed: 1, model, batch },
      ...snapshot,
      state: { updates: index },
      references: {},
    });
    const written = seconds();
    const manifest = await artifacts.get(id);
    await record.commit({ index, id, bytes: manifest.byteLength, metrics });
    const bytes = [...Object.values(snapshot.weights), ...Object.values(snapshot.optimizer)].reduce(
      (sum, { data }) => sum + data.byteLength,
      0,
    );
    return {
      snapshot: copied - started,
      write: written - copied,
      commit: seconds() - written,
      bytes,
    };
  };
  /** The checkpoint comes halfway, so that what it does to the updates after it counts too. */
  const stretch = async (updates: number, checkpoints: boolean): Promise<[number, CheckpointCost | null]> => {
    const started = seconds();
    let cost: CheckpointCost | null = null;
    for (let done = 1; done <= updates; done++) {
      const metrics = update();
      if (checkpoints && done === Math.ceil(updates / 2)) cost = await checkpoint(metrics);
    }
    return [seconds() - started, cost];
  };

  for (let i = 0; i < WARMUP; i++) update();
  const [warm] = await stretch(FEWEST_UPDATES, false);
  const updates = Math.max(FEWEST_UPDATES, Math.ceil((task.stretchSeconds * FEWEST_UPDATES) / warm));
  let rounds = 0;
  return {
    threads: plan.threads,
    versions: { ...libraryVersions(versions), 'execution plan': `${plan.mode} ${plan.precision}` },
    async unit() {
      // In turn, so that neither is always first.
      const order = rounds++ % 2 === 0 ? [false, true] : [true, false];
      const times = { without: 0, withCheckpoint: 0 };
      let cost: CheckpointCost | null = null;
      for (const checkpoints of order) {
        const [time, its] = await stretch(updates, checkpoints);
        times[checkpoints ? 'withCheckpoint' : 'without'] = time;
        cost ??= its;
      }
      const values: DurabilityValues = { updates, ...times, ...cost! };
      return { ...values };
    },
  };
}

type CheckpointCost = Pick<DurabilityValues, 'snapshot' | 'write' | 'commit' | 'bytes'>;

function seconds(): number {
  return performance.now() / 1000;
}
