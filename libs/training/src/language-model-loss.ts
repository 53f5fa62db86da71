/** Cross entropy of the next token, in nats: B batch, T time. */
import { tf } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { forward, logits, tokenLogProbabilities, type Parameters } from '@plumbline/model';
import { NamedFunction } from './named-function.js';
import type { StepContext } from './step.js';
import type { Batch, LossValue } from './trainer.js';
import { sliceRows, type TokenRows } from './training-rows.js';

/**
 * Mean cross entropy over the learned targets. The batch has `inputs` and `targets`, int32 [B, T]; `learned`, 1 for a
 * target that counts and 0 for others, [B, T], where not all count; `dropoutSeed`, an int32 scalar, where there is
 * dropout. Micro-batches count by their learned targets.
 */
export function languageModelLoss(
  parameters: Parameters,
  model: ModelConfiguration,
  batch: Batch,
): LossValue {
  const { inputs, targets, learned, dropoutSeed } = batch;
  const hidden = forward(parameters, model, inputs!, dropoutSeed ? { dropout: { seed: dropoutSeed } } : {});
  const logProbabilities = tokenLogProbabilities(logits(parameters, hidden), targets!);
  if (!learned) return { loss: logProbabilities.mean().neg() };
  const weight = learned.sum();
  return { loss: logProbabilities.mul(learned).sum().div(weight).neg(), weight };
}

/** Rows as tensors, each but the seed [B, T]. */
export function rowBatch(
  rows: Omit<TokenRows, 'inputTokens'>,
  length: number,
  dropoutSeed: number | null = null,
): Batch {
  return tf.tidy(() => {
    const tokens = tf.tensor2d(rows.tokens, [rows.count, length + 1], 'int32');
    return {
      inputs: tokens.slice([0, 0], [rows.count, length]),
      targets: tokens.slice([0, 1], [rows.count, length]),
      ...(rows.learned && { learned: tf.tensor2d(rows.learned, [rows.count, length]) }),
      ...(dropoutSeed !== null && { dropoutSeed: tf.scalar(dropoutSeed, 'int32') }),
    };
  });
}

/**
 * Mean cross entropy over all learned targets of the rows, without dropout, `options.rows` rows at a time; in fp32,
 * whatever the precision of the updates.
 */
export function heldOutLoss(
  model: ModelConfiguration,
  heldOut: TokenRows,
  options: { readonly length: number; readonly rows: number; readonly context: StepContext },
): { run(parameters: Parameters): Promise<number>; dispose(): void } {
  const { length, context } = options;
  const program = new NamedFunction(
    'the held-out loss',
    ({ parameters, batch }) => {
      const { inputs, targets, learned } = batch!;
      const hidden = forward(parameters!, model, inputs!);
      const logProbabilities = tokenLogProbabilities(logits(parameters!, hidden), targets!);
      return { sums: { loss: logProbabilities.mul(learned!).sum().neg() } };
    },
    { ...context.plan, precision: 'fp32' },
  );
  return {
    run: async (parameters) => {
      let sum = 0;
      let count = 0;
      for (let first = 0; first < heldOut.count; first += options.rows) {
        const part = sliceRows(heldOut, length, first, options.rows);
        const batch = rowBatch(part, length);
        const { loss } = program.run({ parameters, batch })['sums']!;
        sum += loss!.dataSync()[0]!;
        count += part.learned!.reduce((a, b) => a + b, 0);
        tf.dispose([loss!, Object.values(batch)]);
        await context.breathe();
      }
      return sum / count;
    },
    dispose: () => program.dispose(),
  };
}
