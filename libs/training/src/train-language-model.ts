/** The resumable training of a language model on rows of tokens: what `pretrain` and `sft` share. */
import { writeCheckpoint, type CheckpointContent, type TensorMap } from '@plumbline/artifacts';
import { tf } from '@plumbline/compute';
import type { LanguageModelTrainingConfiguration, ModelConfiguration } from '@plumbline/contracts';
import { dropoutSeed } from '@plumbline/model';
import { compileProgress } from './compile-progress.js';
import { heldOutLoss, languageModelLoss, rowBatch } from './language-model-loss.js';
import { checkResumed } from './resumed-state.js';
import { learningRateAt, type LearningRateSchedule } from './schedule.js';
import type { StepContext } from './step.js';
import { Trainer } from './trainer.js';
import { runTrainingLoop, type TrainingLoopOutcome } from './training-loop.js';
import type { DataPosition, TokenRows, TrainingRows } from './training-rows.js';

/** Everything beside weights and moments that the next update depends on, as it stands in `state.json`. */
export interface TrainingState {
  readonly updates: number;
  /** Inputs that were trained on, padding left out. */
  readonly tokensSeen: number;
  /** With the learning rate of the next update. */
  readonly schedule: LearningRateSchedule & { readonly next: number };
  /** Rows that the next update begins with. */
  readonly data: DataPosition;
  /** Of the update under way: checkpoints lie between updates, so none of its micro-batches is done. */
  readonly accumulation: { readonly microBatches: number; readonly done: 0 };
  /** The next micro-batch's masks; null: no dropout. */
  readonly dropout: { readonly purpose: string; readonly rate: number; readonly index: number } | null;
}

export interface LanguageModelTraining {
  readonly context: StepContext;
  readonly step: 'pretrain' | 'sft';
  /** Shown as the progress's phase. */
  readonly phase: string;
  readonly seed: number;
  readonly model: ModelConfiguration;
  readonly settings: LanguageModelTrainingConfiguration;
  /** Updates in all. */
  readonly total: number;
  readonly rows: TrainingRows;
  /** Rows of the same length. */
  readonly heldOut: TokenRows;
  /** What the checkpoints say defines the work; plain JSON. */
  readonly manifest: unknown;
  readonly references: Readonly<Record<string, string>>;
  /** The first weights, or the checkpoint to continue from. */
  readonly start: { readonly weights: TensorMap } | (CheckpointContent & { readonly id: string });
}

/**
 * Trains up to the last update and gives the last checkpoint. Metrics: `loss`, `gradientNorm` and `lr` (learning rate) over
 * updates; `heldOutLoss` (nats per learned token) every `evaluateEvery` updates, or at checkpoints.
 *
 * @throws CheckpointMismatchError when the checkpoint's state is not what the configuration comes to
 * @throws NonFiniteTrainingError when an update is not finite
 */
export async function trainLanguageModel(training: LanguageModelTraining): Promise<TrainingLoopOutcome> {
  const { context, model, settings, rows, total, start } = training;
  const checkpoint = 'state' in start ? start : null;
  const from = checkpoint?.index ?? 0;
  let tokensSeen = 0;
  if (checkpoint) {
    const found = checkpoint.state as TrainingState;
    tokensSeen = found.tokensSeen;
    checkResumed(checkpoint.id, 'configuration', checkpoint.configuration, training.manifest);
    checkResumed(checkpoint.id, 'state', found, stateAt(training, from, tokensSeen));
  }
  const { batch, accumulation, weightDecay, beta1, beta2 } = settings;
  const microBatch = batch / accumulation;
  const trainer = new Trainer({
    loss: (parameters, inputs) => languageModelLoss(parameters, model, inputs),
    adamW: { weightDecay, beta1, beta2 },
    maximumGradientNorm: settings.maximumGradientNorm,
    weights: start.weights,
    optimizer: checkpoint?.optimizer,
    updates: from,
    plan: context.plan,
    meanOverRows: true,
    onCompile: compileProgress(context, { done: from, total, unit: 'updates' }),
  });
  const measure = heldOutLoss(model, training.heldOut, { length: rows.length, rows: microBatch, context });
  try {
    return await runTrainingLoop({
      context,
      phase: training.phase,
      unit: 'updates',
      from,
      total,
      checkpointEvery: settings.checkpointEvery,
      ...(settings.evaluateEvery !== undefined && { evaluateEvery: settings.evaluateEvery }),
      update: (index) => {
        const { data, dropout, schedule } = stateAt(training, index, tokensSeen);
        let inputTokens = 0;
        const batches = Array.from({ length: accumulation }, (_, micro) => {
          const part = rows.rows(data.cursor + micro * microBatch, microBatch);
          inputTokens += part.inputTokens;
          const seed = dropout && dropoutSeed(training.seed, dropout.purpose, dropout.index + micro);
          return rowBatch(part, rows.length, seed);
        });
        try {
          const metrics = trainer.update(batches.length === 1 ? batches[0]! : batches, schedule.next);
          tokensSeen += inputTokens;
          return { ...metrics, lr: schedule.next };
        } finally {
          for (const inputs of batches) tf.dispose(Object.values(inputs));
        }
      },
      evaluate: async () => ({ heldOutLoss: await measure.run(trainer.parameters) }),
      checkpoint: async (done) => ({
        id: await writeCheckpoint(context.artifacts, {
          step: training.step,
          index: done,
          configuration: training.manifest,
          ...trainer.snapshot(),
          state: stateAt(training, done, tokensSeen),
          references: training.references,
        }),
      }),
    });
  } finally {
    measure.dispose();
    trainer.dispose();
  }
}

/** The state after `updates` updates: but for the tokens seen, a pure function of the configuration. */
function stateAt(
  { step, model, settings, rows, total }: LanguageModelTraining,
  updates: number,
  tokensSeen: number,
): TrainingState {
  const schedule: LearningRateSchedule = {
    kind: settings.schedule,
    peak: settings.learningRate,
    warmup: settings.warmup,
    total,
    finalShare: settings.finalShare,
  };
  const rate = model.dropout ?? 0;
  return {
    updates,
    tokensSeen,
    schedule: { ...schedule, next: learningRateAt(updates, schedule) },
    data: rows.position(updates * settings.batch),
    accumulation: { microBatches: settings.accumulation, done: 0 },
    dropout: rate > 0 ? { purpose: step, rate, index: updates * settings.accumulation } : null,
  };
}
