/** The step `pretrain`: a tokenizer and a language model from a corpus. */
import { readCheckpoint, writeCheckpoint, type ArtifactStore, type TensorMap } from '@plumbline/artifacts';
import { tf, type Tensor } from '@plumbline/compute';
import type { ModelConfiguration, PretrainConfiguration, RunConfiguration } from '@plumbline/contracts';
import {
  CorpusError,
  loadCorpus,
  readTokenizedCorpus,
  tokenizeCorpus,
  writeTokenizedCorpus,
  type TokenizedCorpus,
} from '@plumbline/data';
import {
  disposeParameters,
  forward,
  initialise,
  logits,
  tokenLogProbabilities,
  Tokenizer,
  toTensorMap,
  trainByteLevelBpe,
  type Parameters,
} from '@plumbline/model';
import { evenWindows, WindowBatches } from './batches.js';
import { learningRateAt } from './schedule.js';
import type { StepContext, StepFunction } from './step.js';
import { Trainer, type Batch } from './trainer.js';
import { runTrainingLoop } from './training-loop.js';

const ADAMW = { beta2: 0.95, weightDecay: 0.1 };
const MAXIMUM_GRADIENT_NORM = 1;
/** Held-out loss is the mean over at most this many windows of the model's context. */
const HELD_OUT_WINDOWS = 128;

/** What defines the step's work, as it stands in its checkpoints. */
interface PretrainManifest {
  readonly seed: number;
  readonly model: ModelConfiguration;
  /** As configured, but with the corpus by its content. */
  readonly pretrain: PretrainConfiguration;
}

interface PretrainStart {
  readonly index: number;
  readonly weights: TensorMap;
  readonly optimizer: TensorMap | undefined;
  readonly corpus: TokenizedCorpus;
  readonly manifest: PretrainManifest;
  /** Artifacts that every checkpoint refers to. */
  readonly references: { readonly tokenizer: string; readonly corpus: string };
}

/**
 * Outputs `model`: the last checkpoint, with the tokenizer and the tokenised corpus among its references. Metrics: `loss` and `gradientNorm`
 * over updates, `heldOutLoss` (nats per token) at checkpoints.
 *
 * @throws CorpusError naming `pretrain.corpus`; RangeError naming `model.vocabulary` when the corpus is too small for it.
 */
export const pretrain: StepFunction = async (configuration, _inputs, context) => {
  const { model, pretrain: settings } = configuration;
  const start = context.resumeFrom
    ? await resume(context.artifacts, context.resumeFrom)
    : await begin(configuration, context);
  await context.breathe();
  const tokenized = start.corpus;
  checkLength(settings.corpus, 'training', tokenized.train.tokens, model.context);
  checkLength(settings.corpus, 'held-out', tokenized.heldOut.tokens, model.context);
  const heldOut = evenWindows(tokenized.heldOut.tokens, model.context, HELD_OUT_WINDOWS);
  const batches = new WindowBatches(
    tokenized.train.tokens,
    model.context,
    configuration.seed,
    'pretrain windows',
  );
  const total = Math.ceil(settings.tokens / (settings.batch * model.context));
  const schedule = { peak: settings.learningRate, warmup: settings.warmup, total };
  const trainer = new Trainer({
    loss: (parameters, batch) => ({ loss: nextTokenLoss(parameters, model, batch) }),
    adamW: ADAMW,
    maximumGradientNorm: MAXIMUM_GRADIENT_NORM,
    weights: start.weights,
    optimizer: start.optimizer,
    updates: start.index,
    plan: context.plan,
  });
  try {
    const result = await runTrainingLoop({
      context,
      phase: 'pretraining',
      unit: 'updates',
      from: start.index,
      total,
      checkpointEvery: settings.checkpointEvery,
      update: (index) => {
        const batch = windowBatch(batches.batch(index, settings.batch), settings.batch, model.context);
        const metrics = trainer.update(batch, learningRateAt(index, schedule));
        tf.dispose(Object.values(batch));
        return metrics;
      },
      checkpoint: async (done) => {
        const heldOutLoss = await meanLoss(trainer.parameters, model, heldOut, settings.batch, context);
        const id = await writeCheckpoint(context.artifacts, {
          step: 'pretrain',
          index: done,
          configuration: start.manifest,
          ...trainer.snapshot(),
          state: { updates: done, tokensSeen: done * settings.batch * model.context },
          references: start.references,
        });
        return { id, metrics: { heldOutLoss } };
      },
    });
    return result.outcome === 'paused'
      ? { outcome: 'paused' }
      : { outcome: 'completed', outputs: { model: result.checkpoint } };
  } finally {
    trainer.dispose();
  }
};

/** Reads the corpus, trains the tokenizer and draws the first weights. */
async function begin(configuration: RunConfiguration, context: StepContext): Promise<PretrainStart> {
  const { model, seed, pretrain: settings } = configuration;
  const { artifacts } = context;
  const say = (phase: string, unit: string) => {
    context.progress({ phase, done: 0, total: 1, unit });
    return context.breathe();
  };
  await say('reading the corpus', 'corpora');
  const text = await loadCorpus(settings.corpus);
  await say('training the tokenizer', 'tokenizers');
  const tokenizer = new Tokenizer(trainByteLevelBpe(text.train, model.vocabulary));
  if (tokenizer.vocabularySize !== model.vocabulary) {
    throw new RangeError(
      `model.vocabulary: the corpus yields ${tokenizer.vocabularySize} tokens, not ${model.vocabulary}`,
    );
  }
  await say('tokenising the corpus', 'corpora');
  const corpus = tokenizeCorpus(text, tokenizer);
  const parameters = initialise(model, seed);
  const weights = toTensorMap(parameters);
  disposeParameters(parameters);
  return {
    index: 0,
    weights,
    optimizer: undefined,
    corpus,
    manifest: { seed, model, pretrain: { ...settings, corpus: `sha256:${text.hash}` } },
    references: {
      tokenizer: await artifacts.putJson(tokenizer.json),
      corpus: await writeTokenizedCorpus(artifacts, corpus),
    },
  };
}

/** All from the checkpoint: the text is not read again, so it may have moved or changed since. */
async function resume(artifacts: ArtifactStore, id: string): Promise<PretrainStart> {
  const { index, weights, optimizer, references, configuration } = await readCheckpoint(artifacts, id);
  const { tokenizer, corpus } = references;
  if (tokenizer === undefined || corpus === undefined) {
    throw new Error(`checkpoint ${id} is not of pretraining: it refers to no tokenizer or corpus`);
  }
  return {
    index,
    weights,
    optimizer,
    corpus: await readTokenizedCorpus(artifacts, corpus, new Tokenizer(await artifacts.getJson(tokenizer))),
    manifest: configuration as PretrainManifest,
    references: { tokenizer, corpus },
  };
}

function checkLength(corpus: string, part: string, tokens: Int32Array, context: number): void {
  if (tokens.length > context) return;
  throw new CorpusError(
    `pretrain.corpus: the ${part} documents of ${corpus} have ${tokens.length} tokens; ` +
      `a model.context of ${context} needs more`,
  );
}

/** Mean cross entropy in nats per token; inputs and targets int32 [B, T]. */
function nextTokenLoss(parameters: Parameters, model: ModelConfiguration, batch: Batch): Tensor {
  const hidden = forward(parameters, model, batch['inputs']!);
  return tokenLogProbabilities(logits(parameters, hidden), batch['targets']!).mean().neg();
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

/** Mean loss over the windows in whole batches; fewer windows than one batch holds are repeated to fill it. */
async function meanLoss(
  parameters: Parameters,
  model: ModelConfiguration,
  windows: readonly Int32Array[],
  size: number,
  context: StepContext,
): Promise<number> {
  let sum = 0;
  let count = 0;
  for (let start = 0; start === 0 || start + size <= windows.length; start += size) {
    const rows = new Int32Array(size * (model.context + 1));
    for (let row = 0; row < size; row++) {
      rows.set(windows[(start + row) % windows.length]!, row * (model.context + 1));
    }
    const batch = windowBatch(rows, size, model.context);
    const loss = tf.tidy(() => nextTokenLoss(parameters, model, batch));
    sum += loss.dataSync()[0]!;
    count++;
    tf.dispose([loss, Object.values(batch)]);
    await context.breathe();
  }
  return sum / count;
}
