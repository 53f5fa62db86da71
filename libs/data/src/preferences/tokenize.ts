import type { ComparisonContent } from '@plumbline/artifacts';
import type { ComparisonSet, Message, SampledComparison } from '@plumbline/contracts';
import type { CorpusTokenizer } from '../tokenized-corpus.js';
import { promptPieces, responsePiece } from './messages.js';

/** What preferences need of a tokenizer. */
export type PreferenceTokenizer = Pick<CorpusTokenizer, 'encode' | 'endOfText'>;

/**
 * A comparison as tokens, each piece tokenised by itself, as the model meets them: a conversation in the form that
 * fine-tuning gives it, text as it stands. A response ends with the end-of-text token, for it is complete; an empty prompt
 * is the end-of-text token, as before a document.
 */
export function tokenizeComparison(
  prompt: readonly Message[],
  responses: readonly string[],
  tokenizer: PreferenceTokenizer,
): ComparisonContent {
  const promptTokens = promptPieces(prompt).flatMap(({ text, ends }) => [
    ...tokenizer.encode(text),
    ...(ends ? [tokenizer.endOfText] : []),
  ]);
  return {
    prompt,
    promptTokens: promptTokens.length === 0 ? [tokenizer.endOfText] : promptTokens,
    responses: responses.map((text) => ({
      text,
      tokens: [...tokenizer.encode(responsePiece(prompt, text)), tokenizer.endOfText],
    })),
  };
}

/** A comparison of which there is nothing but the texts. */
export function withoutTokens(prompt: readonly Message[], responses: readonly string[]): ComparisonContent {
  return { prompt, promptTokens: [], responses: responses.map((text) => ({ text, tokens: [] })) };
}

/** What tokenises a comparison set for a model. */
export interface SetTokenizer {
  readonly tokenizer: PreferenceTokenizer;
  /** Artifact id of its tokenizer.json. */
  readonly tokenizerId: string;
  /** The most tokens that the model takes. */
  readonly context: number;
}

/**
 * The comparisons of a set as a model's tokens: those of an import that are of another tokenizer, or have texts only, are
 * tokenised. Keys stay, for judgements name them.
 *
 * @throws RangeError when that makes comparisons that are longer than the context
 */
export function comparisonsFor(
  { comparisons, tokenizer: given }: Pick<ComparisonSet, 'comparisons' | 'tokenizer'>,
  { tokenizer, tokenizerId, context }: SetTokenizer,
): readonly SampledComparison[] {
  if (given === undefined || given === tokenizerId) return comparisons;
  const made = comparisons.map((comparison): SampledComparison => {
    const texts = comparison.responses.map(({ text }) => text);
    const { promptTokens, responses } = tokenizeComparison(comparison.prompt, texts, tokenizer);
    return {
      ...comparison,
      promptTokens,
      responses: comparison.responses.map((response, at) => ({ ...response, tokens: responses[at]!.tokens })),
    };
  });
  const lengths = made.map(longestSequenceOf);
  const long = lengths.filter((length) => length > context).length;
  if (long > 0) {
    const longest = lengths.reduce((a, b) => Math.max(a, b));
    throw new RangeError(
      `${long} of ${made.length} comparisons are longer than the model's context of ${context} tokens (the longest has ` +
        `${longest}); import the file with --model and --long-rows truncate or drop`,
    );
  }
  return made;
}

/** Tokens of the prompt with its longest response. */
export function longestSequenceOf({ promptTokens, responses }: ComparisonContent): number {
  return promptTokens.length + Math.max(...responses.map(({ tokens }) => tokens.length));
}

/**
 * The comparison with the ends of its responses cut off so that each fits; their texts stay whole, for that is what was
 * judged.
 * @returns null where the prompt leaves no room for a response
 */
export function truncated(content: ComparisonContent, context: number): ComparisonContent | null {
  const room = context - content.promptTokens.length;
  if (room < 1) return null;
  return {
    ...content,
    responses: content.responses.map(({ text, tokens }) => ({ text, tokens: tokens.slice(0, room) })),
  };
}

/** Whether all responses are the same: such a comparison compares nothing. */
export function isIdentical({ responses }: ComparisonContent): boolean {
  const [first, ...others] = responses;
  if (first!.tokens.length === 0) return others.every(({ text }) => text === first!.text);
  return others.every(
    ({ tokens }) =>
      tokens.length === first!.tokens.length && tokens.every((token, at) => token === first!.tokens[at]),
  );
}
