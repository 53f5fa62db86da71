import type { ComparisonContent } from '@plumbline/artifacts';
import type { Message } from '@plumbline/contracts';
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

/** Whether all responses are the same tokens: such a comparison compares nothing. */
export function isIdentical({ responses }: ComparisonContent): boolean {
  const [first, ...others] = responses;
  return others.every(
    ({ tokens }) =>
      tokens.length === first!.tokens.length && tokens.every((token, at) => token === first!.tokens[at]),
  );
}
