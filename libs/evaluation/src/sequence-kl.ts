import type { TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration } from '@plumbline/contracts';
import { disposeParameters, fromTensorMap } from '@plumbline/model';
import { logProbabilities, sequenceRows, type Sequence } from '@plumbline/rlhf';

/** Sequences computed at once; always as many, because the shape decides the rounding. */
const BATCH = 64;

export interface SequenceKlRequest {
  readonly policy: TensorMap;
  readonly reference: TensorMap;
  /** Of both. */
  readonly model: ModelConfiguration;
  /** Sampled from the policy; equally long prompts. */
  readonly sequences: readonly Sequence[];
  /** Positions of a sequence, prompt and response. */
  readonly length: number;
  readonly temperature: number;
  readonly breathe: () => Promise<void>;
}

/** How often `sequenceKl` breathes over so many sequences. */
export function klBatches(sequences: number): number {
  return 2 * Math.ceil(sequences / BATCH);
}

/**
 * log π(response) − log π_ref(response) of each sequence, in nats: its mean over the policy's samples estimates (k1,
 * without bias) the KL divergence of the policy from the reference.
 */
export async function sequenceKl(request: SequenceKlRequest): Promise<number[]> {
  const { model, sequences, length, temperature, breathe } = request;
  const promptLength = sequences[0]!.promptTokens.length;
  const responseLength = length - promptLength;
  const size = Math.ceil(sequences.length / BATCH) * BATCH;
  const { tokens } = sequenceRows(sequences, size, length);
  const chunks = { tokens, size, length, rows: BATCH, breathe };
  const under = async (weights: TensorMap): Promise<Float32Array> => {
    const parameters = fromTensorMap(weights);
    try {
      return await logProbabilities(parameters, model, chunks, { promptLength, temperature });
    } finally {
      disposeParameters(parameters);
    }
  };
  const policy = await under(request.policy);
  const reference = await under(request.reference);
  return sequences.map(({ responseTokens }, row) =>
    responseTokens.reduce((sum, _, t) => {
      const at = row * responseLength + t;
      return sum + policy[at]! - reference[at]!;
    }, 0),
  );
}
