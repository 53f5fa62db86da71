/** Our side of the pretraining bench: one update of the product's own trainer is one unit of work. */
import { encodeSafetensors } from '@plumbline/artifacts';
import { tf, type Tensor } from '@plumbline/compute';
import {
  disposeParameters,
  forward,
  initialise,
  logits,
  tokenLogProbabilities,
  toTensorMap,
  type Parameters,
} from '@plumbline/model';
import { Trainer, type Batch } from '@plumbline/training';
import type { ModelConfiguration } from '@plumbline/contracts';
import { writeFileSync } from 'node:fs';
import { loadPlan } from '../load-plan.js';
import { libraryVersions } from '../library-versions.js';
import type { Work } from '../serve.js';
import { benchTokens, LEARNING_RATE, MAXIMUM_GRADIENT_NORM, OPTIMISER, type PretrainTask } from './task.js';

/** Loads TensorFlow; the returned function builds the trainer. */
export function loadPretrainWork(task: PretrainTask): () => Work {
  const { versions } = loadPlan(task.plan);
  return () => pretrainWork(task, versions);
}

function pretrainWork(task: PretrainTask, versions: Work['versions']): Work {
  const { model, batch, plan } = task;
  const initial = initialise(model, 1);
  const weights = toTensorMap(initial);
  disposeParameters(initial);
  if (task.weightsFile !== undefined) writeFileSync(task.weightsFile, encodeSafetensors(weights));
  const trainer = new Trainer({
    loss: (parameters, { inputs, targets }) => ({
      loss: nextTokenLoss(parameters, model, inputs!, targets!),
    }),
    adamW: OPTIMISER,
    maximumGradientNorm: MAXIMUM_GRADIENT_NORM,
    weights,
    plan,
  });
  let done = 0;
  return {
    threads: plan.threads,
    versions: { ...libraryVersions(versions), 'execution plan': `${plan.mode} ${plan.precision}` },
    unit() {
      const inputs = windowBatch(benchTokens(task, done++), batch, model.context);
      const { loss } = trainer.update(inputs, LEARNING_RATE);
      tf.dispose(Object.values(inputs));
      return { loss: loss! };
    },
  };
}

/** Mean cross entropy in nats per token; inputs and targets int32 [B, T]. */
export function nextTokenLoss(
  parameters: Parameters,
  model: ModelConfiguration,
  inputs: Tensor,
  targets: Tensor,
): Tensor {
  return tokenLogProbabilities(logits(parameters, forward(parameters, model, inputs)), targets)
    .mean()
    .neg();
}

/** Rows of T + 1 tokens as inputs and targets, each [B, T]. */
function windowBatch(rows: Int32Array, batch: number, length: number): Batch {
  return tf.tidy(() => {
    const windows = tf.tensor2d(rows, [batch, length + 1], 'int32');
    return {
      inputs: windows.slice([0, 0], [batch, length]),
      targets: windows.slice([0, 1], [batch, length]),
    };
  });
}
