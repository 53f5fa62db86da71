import { sealComparison } from '@plumbline/artifacts';
import type { Message, SampledComparison } from '@plumbline/contracts';
import type { Tokenizer } from '@plumbline/model';
import { trimResponse } from '../sequences.js';

/**
 * A comparison of sampled responses. Its key is the SHA-256 of its content, tokens included, so that two prompts that
 * read alike but are different tokens stay apart; prompts of a set differ, hence so do keys.
 *
 * Responses that came out identical are kept: dropping them would make the labelers' tie rate, and the reward model's
 * view of the policy, look better than they are.
 * @param sampled [response][token]; what follows an end-of-text token is cut off, the token itself is not shown
 */
export function comparison(
  split: SampledComparison['split'],
  promptTokens: readonly number[],
  sampled: readonly (readonly number[])[],
  tokenizer: Tokenizer,
): SampledComparison {
  const prompt: Message[] = [
    { role: 'document', parts: [{ type: 'text', text: tokenizer.decode(promptTokens) }] },
  ];
  const responses = sampled.map((tokens) => {
    const trimmed = trimResponse(tokens, tokenizer.endOfText);
    return { tokens: trimmed, text: responseText(trimmed, tokenizer) };
  });
  return sealComparison(split, { prompt, promptTokens, responses });
}

/** What a person reads of a response: its text up to the end-of-text token. */
export function responseText(tokens: readonly number[], tokenizer: Tokenizer): string {
  return tokenizer.decode(
    trimResponse(tokens, tokenizer.endOfText).filter((token) => token !== tokenizer.endOfText),
  );
}
