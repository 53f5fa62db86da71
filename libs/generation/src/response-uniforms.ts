import { uniforms } from '@plumbline/compute';

/** No response is longer, so that the uniforms of different sequences never overlap. */
const LONGEST_RESPONSE = 2 ** 16;

/**
 * Uniforms for sampling, [sequences · responseTokens]: each a pure function of (seed, purpose, sequence, position),
 * whatever batch the sequence is in. `sequences` are numbers below 2³⁷ that the caller gives out once per purpose.
 */
export function responseUniforms(
  seed: number,
  purpose: string,
  sequences: readonly number[],
  responseTokens: number,
): Float32Array {
  const values = new Float32Array(sequences.length * responseTokens);
  sequences.forEach((sequence, row) => {
    values.set(uniforms(seed, purpose, sequence * LONGEST_RESPONSE, responseTokens), row * responseTokens);
  });
  return values;
}
