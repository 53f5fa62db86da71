/** Our side of the pretraining bench: one update of the product's own trainer is one unit of work. */
import { encodeSafetensors } from '@plumbline/artifacts';
import { tf } from '@plumbline/compute';
import { disposeParameters, initialise, toTensorMap } from '@plumbline/model';
import { languageModelLoss, loadPlan, rowBatch, Trainer } from '@plumbline/training';
import { writeFileSync } from 'node:fs';
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
    loss: (parameters, inputs) => languageModelLoss(parameters, model, inputs),
    adamW: OPTIMISER,
    maximumGradientNorm: MAXIMUM_GRADIENT_NORM,
    weights,
    plan,
    meanOverRows: true,
  });
  let done = 0;
  return {
    threads: plan.threads,
    versions: { ...libraryVersions(versions), 'execution plan': `${plan.mode} ${plan.precision}` },
    unit() {
      const inputs = rowBatch({ count: batch, tokens: benchTokens(task, done++) }, model.context);
      const { loss } = trainer.update(inputs, LEARNING_RATE);
      tf.dispose(Object.values(inputs));
      return { loss: loss! };
    },
  };
}
