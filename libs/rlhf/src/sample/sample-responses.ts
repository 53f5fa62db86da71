/** Sampling many responses as a resumable piece of work: shards of one size, checkpoints between them. */
import { readCheckpoint, writeCheckpoint, type TensorMap } from '@plumbline/artifacts';
import type { StepName } from '@plumbline/contracts';
import { createGenerator, responseUniforms, type TextGenerator } from '@plumbline/generation';
import {
  runTrainingLoop,
  type ExecutionPlan,
  type ModelCheckpoint,
  type StepContext,
} from '@plumbline/training';

/** Responses sampled at once. Always as many, the last shard padded: batch shape changes rounding. */
const SHARD = 64;
/** About half a minute of work on two cores. */
const SHARDS_PER_CHECKPOINT = 16;

export interface ResponseSource {
  /** Names the responses in checkpoints, and their randomness. */
  readonly name: string;
  readonly model: ModelCheckpoint;
  /** The transformer's weights in it. */
  readonly weights: TensorMap;
  readonly prompts: readonly (readonly number[])[];
  readonly responsesPerPrompt: number;
}

export interface SamplingWork {
  readonly context: StepContext;
  readonly step: StepName;
  /** What defines the work; stands in the checkpoints. */
  readonly manifest: unknown;
  readonly references: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly responseTokens: number;
  readonly temperature: number;
  /** Ends a response. */
  readonly endOfText: number;
  readonly sources: readonly ResponseSource[];
}

/** Sampled tokens [prompt][response][token] by source; as many of each, filled up with end-of-text. */
export type SampledTokens = Readonly<Record<string, number[][][]>>;

export type SamplingOutcome = { outcome: 'completed'; responses: SampledTokens } | { outcome: 'paused' };

/**
 * Samples every source's responses, continuing from `context.resumeFrom`. Each token is a pure function of weights,
 * prompt, seed, source name and response number, and shards are the same ones every time; an unfinished shard, and
 * those since the last checkpoint, are sampled again.
 */
export async function sampleResponses(work: SamplingWork): Promise<SamplingOutcome> {
  const { context, sources } = work;
  const shards = sources.flatMap((source) => shardsOf(source));
  const sampled = await resumed(work);
  let done = sampled.shards;
  let loaded: { source: ResponseSource; generator: TextGenerator } | null = null;
  try {
    const result = await runTrainingLoop({
      context,
      phase: 'sampling responses',
      unit: 'shards',
      from: done,
      total: shards.length,
      checkpointEvery: SHARDS_PER_CHECKPOINT,
      update: async (index) => {
        const shard = shards[index]!;
        if (loaded?.source !== shard.source) {
          await loaded?.generator.dispose();
          loaded = { source: shard.source, generator: await generatorFor(shard.source, context.plan) };
        }
        sampled.tokens[shard.source.name]!.push(...(await sampleShard(loaded.generator, shard, work)));
        done = index + 1;
        return {};
      },
      checkpoint: async () => ({
        id: await writeCheckpoint(context.artifacts, {
          step: work.step,
          index: done,
          configuration: work.manifest,
          weights: asTensors(sampled.tokens, work.responseTokens),
          optimizer: {},
          state: { shards: done },
          references: work.references,
        }),
      }),
    });
    if (result.outcome === 'paused') return result;
  } finally {
    await (loaded as { generator: TextGenerator } | null)?.generator.dispose();
  }
  return { outcome: 'completed', responses: byPrompt(sampled.tokens, sources) };
}

interface Shard {
  readonly source: ResponseSource;
  /** Response numbers: prompt · responsesPerPrompt + response. */
  readonly responses: readonly number[];
}

function shardsOf(source: ResponseSource): Shard[] {
  const all = source.prompts.length * source.responsesPerPrompt;
  return Array.from({ length: Math.ceil(all / SHARD) }, (_, shard) => {
    const start = shard * SHARD;
    return { source, responses: Array.from({ length: Math.min(SHARD, all - start) }, (_, i) => start + i) };
  });
}

function generatorFor(
  { model, weights }: ResponseSource,
  { generation, threads }: ExecutionPlan,
): Promise<TextGenerator> {
  return createGenerator(model.model, weights, { engine: generation, threads });
}

async function sampleShard(
  generator: TextGenerator,
  { source, responses }: Shard,
  { seed, responseTokens, temperature, endOfText, context }: SamplingWork,
): Promise<number[][]> {
  const { tokens } = await generator.generate({
    promptTokens: responses.map(
      (response) => source.prompts[Math.floor(response / source.responsesPerPrompt)]!,
    ),
    responseTokens,
    temperature,
    uniforms: responseUniforms(seed, `responses ${source.name}`, responses, responseTokens),
    stopToken: endOfText,
    shard: SHARD,
    breathe: context.breathe.bind(context),
  });
  return tokens.map((row) => [...row, ...new Array<number>(responseTokens - row.length).fill(endOfText)]);
}

/** Rows sampled so far, by source, and the number of shards they are. */
async function resumed(work: SamplingWork): Promise<{ shards: number; tokens: Record<string, number[][]> }> {
  const tokens = Object.fromEntries(work.sources.map(({ name }) => [name, [] as number[][]]));
  const { resumeFrom, artifacts } = work.context;
  if (resumeFrom === null) return { shards: 0, tokens };
  const { weights, index } = await readCheckpoint(artifacts, resumeFrom);
  for (const [name, tensor] of Object.entries(weights)) {
    const [rows, width] = tensor.shape as [number, number];
    const target = tokens[name];
    if (!target)
      throw new Error(`checkpoint ${resumeFrom} has responses of ${name}, which this work does not sample`);
    for (let row = 0; row < rows; row++)
      target.push([...tensor.data.subarray(row * width, (row + 1) * width)]);
  }
  return { shards: index, tokens };
}

function asTensors(tokens: Readonly<Record<string, number[][]>>, width: number): TensorMap {
  return Object.fromEntries(
    Object.entries(tokens)
      .filter(([, rows]) => rows.length > 0)
      .map(([name, rows]) => [
        name,
        { dtype: 'I32' as const, shape: [rows.length, width], data: Int32Array.from(rows.flat()) },
      ]),
  );
}

function byPrompt(
  tokens: Readonly<Record<string, number[][]>>,
  sources: readonly ResponseSource[],
): SampledTokens {
  return Object.fromEntries(
    sources.map(({ name, prompts, responsesPerPrompt }) => [
      name,
      prompts.map((_, prompt) =>
        tokens[name]!.slice(prompt * responsesPerPrompt, (prompt + 1) * responsesPerPrompt),
      ),
    ]),
  );
}
