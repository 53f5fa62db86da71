/** Text to tokens and back, by any `tokenizer.json` that Hugging Face's runtime reads; fast on byte-level ones. */
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { END_OF_TEXT, splitWords } from './byte-pair-encoding.js';

/** What we use of the runtime, whose own declarations do not resolve under Node's module rules. */
interface Runtime {
  encode(text: string): { readonly ids: number[] };
  decode(
    tokens: number[],
    options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean },
  ): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  get_vocab(): Map<string, number>;
}
const Runtime = HuggingFaceTokenizer as unknown as new (json: unknown, config: object) => Runtime;

const WORD_CACHE_LIMIT = 200_000;

export class Tokenizer {
  private readonly runtime: Runtime;
  /** Present when every word is encoded by itself, whatever stands beside it. */
  private readonly words: Map<string, readonly number[]> | null;
  /** One more than the largest token. */
  readonly vocabularySize: number;
  /** The token that ends a document. */
  readonly endOfText: number;

  /** @param json the parsed content of a `tokenizer.json`. @throws Error when it is none, or has no end-of-text token. */
  constructor(readonly json: unknown) {
    try {
      this.runtime = new Runtime(json, {});
    } catch (error) {
      throw new Error(`not a usable tokenizer.json: ${(error as Error).message}`, { cause: error });
    }
    const endOfText = this.runtime.token_to_id(END_OF_TEXT);
    if (endOfText === undefined) throw new Error(`tokenizer.json has no token ${END_OF_TEXT}`);
    this.endOfText = endOfText;
    this.vocabularySize = 1 + [...this.runtime.get_vocab().values()].reduce((a, b) => Math.max(a, b), 0);
    this.words = encodesWordByWord(json) ? new Map() : null;
  }

  /** `<|endoftext|>` in the text becomes the special token. */
  encode(text: string): number[] {
    if (!this.words || text.includes(END_OF_TEXT)) return this.runtime.encode(text).ids;
    const tokens: number[] = [];
    for (const word of splitWords(text))
      for (const token of this.encodeWord(this.words, word)) tokens.push(token);
    return tokens;
  }

  /** Bytes that are no UTF-8, such as half a character, come out as U+FFFD. */
  decode(tokens: readonly number[]): string {
    return tokens.length === 0
      ? ''
      : this.runtime.decode([...tokens], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  }

  /** Whether the token's text begins with white space, so that a text may start at it. */
  startsWord(token: number): boolean {
    return /^[\u0120\u010A\u010D\u0109]/.test(this.runtime.id_to_token(token) ?? '');
  }

  private encodeWord(words: Map<string, readonly number[]>, word: string): readonly number[] {
    const known = words.get(word);
    if (known) return known;
    const tokens: readonly number[] = this.runtime.encode(word).ids;
    if (words.size >= WORD_CACHE_LIMIT) words.clear();
    words.set(word, tokens);
    return tokens;
  }
}

/** Whether the file is laid out as ours and GPT-2's are: no normalizer, GPT-2's words, bytes, BPE, one special token. */
function encodesWordByWord(json: unknown): boolean {
  const file = json as {
    normalizer?: unknown;
    post_processor?: { type?: string } | null;
    pre_tokenizer?: { type?: string; add_prefix_space?: boolean; use_regex?: boolean };
    model?: { type?: string };
    added_tokens?: readonly { content: string }[];
  };
  return (
    !file.normalizer &&
    (!file.post_processor || file.post_processor.type === 'ByteLevel') &&
    file.pre_tokenizer?.type === 'ByteLevel' &&
    file.pre_tokenizer.add_prefix_space === false &&
    file.pre_tokenizer.use_regex !== false &&
    file.model?.type === 'BPE' &&
    (file.added_tokens ?? []).every((token) => token.content === END_OF_TEXT)
  );
}
