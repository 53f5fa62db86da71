/** What each side of the generation bench is told to do, as one JSON argument. */
import type { ModelConfiguration } from '@plumbline/contracts';

export interface GenerateTask {
  readonly model: ModelConfiguration;
  readonly batch: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly threads: number;
  /** Batches between the first and the first measured round. */
  readonly warmup: number;
}

export interface GeneratePeerTask extends GenerateTask {
  /** Weights in bf16. */
  readonly bf16: boolean;
}

/** Arbitrary prompts, the same on both sides: [batch][promptTokens]. */
export function benchPrompts({ model, batch, promptTokens }: GenerateTask): number[][] {
  return Array.from({ length: batch }, (_, row) =>
    Array.from({ length: promptTokens }, (_, index) => (row * 7919 + index * 104729 + 17) % model.vocabulary),
  );
}
