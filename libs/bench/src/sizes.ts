/** The models that are measured, and the work that is done with each. */
import type { ModelConfiguration } from '@plumbline/contracts';

export interface PretrainSize {
  readonly name: string;
  readonly model: ModelConfiguration;
  /** Sequences an update, each of `model.context` tokens. */
  readonly batch: number;
}

export interface GenerateSize {
  readonly name: string;
  readonly model: ModelConfiguration;
  readonly batch: number;
  readonly promptTokens: number;
  readonly newTokens: number;
}

export const PRETRAIN_SIZES: readonly PretrainSize[] = [
  { name: '4x128', model: { layers: 4, heads: 4, width: 128, context: 64, vocabulary: 1024 }, batch: 16 },
  { name: '4x256', model: { layers: 4, heads: 4, width: 256, context: 128, vocabulary: 4096 }, batch: 16 },
  { name: '6x384', model: { layers: 6, heads: 6, width: 384, context: 256, vocabulary: 8192 }, batch: 16 },
];

const GPT2_SMALL: ModelConfiguration = {
  layers: 12,
  heads: 12,
  width: 768,
  context: 1024,
  vocabulary: 50257,
};

/** As in training, in a context of 128; GPT-2 small writes fewer tokens, so that a round stays below a minute. */
export const GENERATE_SIZES: readonly GenerateSize[] = [
  ...PRETRAIN_SIZES.map(({ name, model }) => ({ name, model: { ...model, context: 128 }, newTokens: 96 })),
  { name: 'gpt2', model: GPT2_SMALL, newTokens: 32 },
].flatMap(({ name, model, newTokens }) =>
  [1, 16, 64].map((batch) => ({ name: `${name}-b${batch}`, model, batch, promptTokens: 32, newTokens })),
);
