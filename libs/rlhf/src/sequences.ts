/** Token sequences as the reward model, policy and value function see them: a prompt and its response. */

export interface Sequence {
  readonly promptTokens: readonly number[];
  /** At least one; ends at end-of-text if the model wrote it. */
  readonly responseTokens: readonly number[];
}

/** A response ends with its first end-of-text token; whatever was sampled after it does not belong to it. */
export function trimResponse(tokens: readonly number[], endOfText: number): readonly number[] {
  const end = tokens.indexOf(endOfText);
  return end < 0 ? tokens : tokens.slice(0, end + 1);
}

/** Rows of one shape, ready for the device. B sequences, T positions. */
export interface SequenceRows {
  readonly batch: number;
  readonly length: number;
  /** [B·T], padded on the right, where causal attention cannot see it. */
  readonly tokens: Int32Array;
  /** Position of each last response token, [B]. */
  readonly lastPositions: Int32Array;
}

/**
 * Pads sequences to `length` positions and to `batch` rows (copies of the last sequence).
 * @throws RangeError naming a sequence that is longer than `length` or has no response
 */
export function sequenceRows(sequences: readonly Sequence[], batch: number, length: number): SequenceRows {
  const tokens = new Int32Array(batch * length);
  const lastPositions = new Int32Array(batch);
  for (let row = 0; row < batch; row++) {
    const sequence = sequences[Math.min(row, sequences.length - 1)]!;
    const { promptTokens, responseTokens } = sequence;
    const used = promptTokens.length + responseTokens.length;
    if (responseTokens.length === 0) throw new RangeError(`sequence ${row} has no response`);
    if (used > length)
      throw new RangeError(`sequence ${row} has ${used} tokens; there is room for ${length}`);
    tokens.set(promptTokens, row * length);
    tokens.set(responseTokens, row * length + promptTokens.length);
    lastPositions[row] = used - 1;
  }
  return { batch, length, tokens, lastPositions };
}

/** Positions that the longest of the sequences takes. */
export function longestSequence(sequences: readonly Sequence[]): number {
  return sequences.reduce(
    (longest, { promptTokens, responseTokens }) =>
      Math.max(longest, promptTokens.length + responseTokens.length),
    0,
  );
}
