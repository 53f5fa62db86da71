import type { Sequence } from '../sequences.js';

/** What gives whole responses their reward: a reward model, several of them, or any function of the tokens. */
export interface Scorer {
  /**
   * One score a sequence, [sequences]. A pure function of the sequences: resuming repeats calls.
   * @param options `breathe` gives the event loop a turn; awaited now and then
   */
  score(
    sequences: readonly Sequence[],
    options: { readonly breathe: () => Promise<void> },
  ): Promise<Float32Array> | Float32Array;
  /** Frees what is on the device; absent: there is nothing. */
  dispose?(): void;
}
