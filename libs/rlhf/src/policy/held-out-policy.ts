/** What a policy in training is worth on prompts that it is not trained on. */
import type { TensorMap } from '@plumbline/artifacts';
import type { RunConfiguration } from '@plumbline/contracts';
import { createGenerator, responseUniforms } from '@plumbline/generation';
import { disposeParameters, fromTensorMap } from '@plumbline/model';
import { readModelPrompts, type ModelCheckpoint, type StepContext } from '@plumbline/training';
import { policyWeights } from './actor-critic.js';
import { completeSettings } from '../optimisers/optimise-settings.js';
import type { Metrics } from '../optimisers/optimiser.js';
import { logProbabilities } from '../rollout/rollout.js';
import type { Scorer } from '../reward/scorer.js';
import { sequenceRows, type Sequence } from '../sequences.js';
import { moments } from '../rollout/whitening.js';

/** Sequences that are looked at together; always as many, because the shape decides the rounding. */
const ROWS = 16;

export interface HeldOutSetup {
  readonly configuration: RunConfiguration;
  readonly context: StepContext;
  readonly pretrained: ModelCheckpoint;
  readonly scorer: Scorer;
  readonly measure: (responses: readonly Sequence[]) => Metrics;
}

/**
 * Measures policies on `optimise.heldOutPrompts` windows of held-out documents (not more than `evaluate` has), one
 * response each, drawn with the same random numbers every time: `heldOut/scores` and its standard error, `heldOut/kl` (nats a response, k1 of
 * the policy to the reference at the sampling temperature), and what `measure` adds, under `heldOut/` too. Null when there
 * are no such prompts.
 */
export async function heldOutMeasure({
  configuration,
  context,
  pretrained,
  scorer,
  measure,
}: HeldOutSetup): Promise<((weights: TensorMap) => Promise<Metrics>) | null> {
  const { seed, sample, evaluate } = configuration;
  const count = Math.min(completeSettings(configuration.optimise).heldOutPrompts, evaluate.prompts);
  if (count === 0) return null;
  const { model, tokenizer, checkpoint } = pretrained;
  const prompts = await readModelPrompts(context, pretrained, {
    purpose: 'evaluate',
    count,
    length: sample.promptTokens,
    seed,
  });
  const numbers = prompts.map((_, row) => row);
  const uniforms = responseUniforms(seed, 'held-out responses', numbers, sample.responseTokens);
  const breathe = (): Promise<void> => context.breathe();
  const shape = { promptLength: sample.promptTokens, temperature: sample.temperature };

  const totalLogProbability = async (weights: TensorMap, sequences: readonly Sequence[]): Promise<number> => {
    const length = sample.promptTokens + sample.responseTokens;
    const size = Math.ceil(sequences.length / ROWS) * ROWS;
    const { tokens } = sequenceRows(sequences, size, length);
    const parameters = fromTensorMap(weights);
    try {
      const chunks = { tokens, size, length, rows: ROWS, breathe };
      const all = await logProbabilities(parameters, model, chunks, shape);
      return sequences.reduce((sum, { responseTokens }, row) => {
        const start = row * sample.responseTokens;
        return sum + all.subarray(start, start + responseTokens.length).reduce((a, b) => a + b, 0);
      }, 0);
    } finally {
      disposeParameters(parameters);
    }
  };

  return async (weights) => {
    const policy = policyWeights(weights);
    const generator = await createGenerator(model, policy, {
      engine: context.plan.generation,
      threads: context.plan.threads,
    });
    let responses: number[][];
    try {
      ({ tokens: responses } = await generator.generate({
        promptTokens: prompts,
        responseTokens: sample.responseTokens,
        temperature: sample.temperature,
        uniforms,
        stopToken: tokenizer.endOfText,
        shard: ROWS,
        breathe,
      }));
    } finally {
      await generator.dispose();
    }
    const sequences = prompts.map((promptTokens, row) => ({ promptTokens, responseTokens: responses[row]! }));
    const scores = await scorer.score(sequences, { breathe });
    const ofPolicy = await totalLogProbability(policy, sequences);
    const ofReference = await totalLogProbability(checkpoint.weights, sequences);
    const further = Object.entries(measure(sequences)).map(([name, value]) => [
      name.replace(/^objective/, 'heldOut'),
      value,
    ]);
    const { mean, variance } = moments(scores);
    return {
      'heldOut/scores': mean,
      'heldOut/scores_error': Math.sqrt(variance / Math.max(1, count - 1)),
      'heldOut/kl': (ofPolicy - ofReference) / count,
      ...(Object.fromEntries(further) as Metrics),
    };
  };
}
