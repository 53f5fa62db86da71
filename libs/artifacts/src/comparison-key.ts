import type { Message, SampledComparison } from '@plumbline/contracts';
import { canonicalJson, sha256 } from './canonical-json.js';

/** What identifies a comparison. */
export interface ComparisonContent {
  readonly prompt: readonly Message[];
  readonly promptTokens: readonly number[];
  readonly responses: readonly { readonly text: string; readonly tokens: readonly number[] }[];
}

/**
 * The comparison's key is the SHA-256 of its content, tokens included, so that two prompts that read alike but are
 * different tokens stay apart; a response's is that of the comparison's key and its place.
 */
export function sealComparison(
  split: SampledComparison['split'],
  { prompt, promptTokens, responses }: ComparisonContent,
): SampledComparison {
  const contents = responses.map(({ text, tokens }) => ({ text, tokens }));
  const key = sha256(canonicalJson({ prompt, promptTokens, responses: contents }));
  return {
    key,
    split,
    prompt,
    promptTokens,
    responses: contents.map((response, index) => ({ key: sha256(`${key}/${index}`), ...response })),
  };
}
