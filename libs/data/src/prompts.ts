/**
 * Prompts: windows of the corpus, disjoint between purposes. Reward-model data (`sample`) and PPO (`optimise`) draw
 * from the training documents, `evaluate` from the held-out ones; no prompt of one purpose has the tokens of another's.
 */
import { permutation } from '@plumbline/compute';
import type { TokenizedCorpus, TokenStream } from './tokenized-corpus.js';

export type PromptPurpose = 'sample' | 'optimise' | 'evaluate';

export interface PromptRequest {
  readonly purpose: PromptPurpose;
  readonly count: number;
  /** Tokens of each prompt. */
  readonly length: number;
  readonly seed: number;
}

/**
 * The first `count` prompts of the purpose, in an order that (seed, purpose) alone determine: a larger count continues
 * a smaller one. They start at a word and stay inside one document. `sample` and `evaluate` never repeat a prompt;
 * `optimise` goes through its prompts again, in a new order, when they are used up.
 *
 * @throws RangeError when the corpus has too few prompts.
 */
export function promptWindows(
  corpus: TokenizedCorpus,
  { purpose, count, length, seed }: PromptRequest,
): number[][] {
  const pool = promptPool(corpus, purpose, length, seed);
  const repeats = purpose === 'optimise' && pool.length > 0;
  if (pool.length < count && !repeats) {
    throw new RangeError(
      `the corpus has ${pool.length} prompts of ${length} tokens for ${purpose}; ${count} are wanted`,
    );
  }
  const prompts: number[][] = [];
  for (let pass = 0; prompts.length < count; pass++) {
    const order = permutation(seed, `prompts ${purpose} pass ${pass}`, pool.length);
    for (const index of order) {
      if (prompts.length === count) break;
      prompts.push(pool[index]!);
    }
  }
  return prompts;
}

/** The purpose's own prompts, in corpus order. */
function promptPool(
  corpus: TokenizedCorpus,
  purpose: PromptPurpose,
  length: number,
  seed: number,
): number[][] {
  const training = distinctWindows(corpus.train, length);
  if (purpose === 'evaluate') {
    const seen = new Set(training.keys());
    return [...distinctWindows(corpus.heldOut, length)]
      .filter(([key]) => !seen.has(key))
      .map(([, prompt]) => prompt);
  }
  const windows = [...training.values()];
  const half = Math.ceil(windows.length / 2);
  const order = permutation(seed, 'prompts by purpose', windows.length);
  const mine = purpose === 'sample' ? order.slice(0, half) : order.slice(half);
  return Array.from(mine.sort(), (index) => windows[index]!);
}

/** Non-overlapping windows by content: speeches begin alike, and a prompt that occurs twice counts once. */
function distinctWindows(stream: TokenStream, length: number): Map<string, number[]> {
  const windows = new Map<string, number[]>();
  stream.documents.forEach((start, document) => {
    const end = (stream.documents[document + 1] ?? stream.tokens.length) - 1; // without the end-of-text token
    for (let at = start; at + length <= end;) {
      if (!stream.wordStarts[at]) {
        at++;
        continue;
      }
      const window = Array.from(stream.tokens.subarray(at, at + length));
      windows.set(window.join(' '), window);
      at += length;
    }
  });
  return windows;
}
