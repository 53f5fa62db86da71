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
  /** Whether the end of a text is a special token: no word contains it then. */
  private readonly splitsAtEndOfText: boolean;
  /** One more than the largest token. */
  readonly vocabularySize: number;

  /** @param json the parsed content of a `tokenizer.json`. @throws Error when it is none. */
  constructor(readonly json: unknown) {
    try {
      this.runtime = new Runtime(json, {});
    } catch (error) {
      throw new Error(`not a usable tokenizer.json: ${(error as Error).message}`, { cause: error });
    }
    this.vocabularySize = 1 + [...this.runtime.get_vocab().values()].reduce((a, b) => Math.max(a, b), 0);
    this.words = encodesWordByWord(json) ? new Map() : null;
    this.splitsAtEndOfText = ((json as TokenizerFile).added_tokens ?? []).length > 0;
  }

  /** The token that ends a document. @throws Error when the file has none */
  get endOfText(): number {
    const token = this.runtime.token_to_id(END_OF_TEXT);
    if (token === undefined) throw new Error(`tokenizer.json has no token ${END_OF_TEXT}`);
    return token;
  }

  /** `<|endoftext|>` in the text becomes the special token, where the file has it as one. */
  encode(text: string): number[] {
    if (!this.words) return this.runtime.encode(text).ids;
    const tokens: number[] = [];
    const parts = this.splitsAtEndOfText ? text.split(END_OF_TEXT) : [text];
    parts.forEach((part, index) => {
      if (index > 0) tokens.push(this.endOfText);
      for (const word of splitWords(part))
        for (const token of this.encodeWord(this.words!, word)) tokens.push(token);
    });
    return tokens;
  }

  /** Bytes that are no UTF-8, such as half a character, come out as U+FFFD; tokens that the file lacks, as nothing. */
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

/** The parts of `tokenizer.json` that decide how we may encode. */
interface TokenizerFile {
  readonly normalizer?: unknown;
  readonly post_processor?: { readonly type?: string } | null;
  readonly pre_tokenizer?: {
    readonly type?: string;
    readonly add_prefix_space?: boolean;
    readonly use_regex?: boolean;
  } | null;
  readonly model?: { readonly type?: string; readonly dropout?: number | null };
  readonly added_tokens?: readonly {
    readonly content: string;
    readonly lstrip?: boolean;
    readonly rstrip?: boolean;
    readonly single_word?: boolean;
  }[];
}

/** Whether the file is laid out as ours and GPT-2's are: no normalizer, GPT-2's words, bytes, BPE, one special token. */
function encodesWordByWord(json: unknown): boolean {
  const file = json as TokenizerFile;
  return (
    !file.normalizer &&
    (!file.post_processor || file.post_processor.type === 'ByteLevel') &&
    file.pre_tokenizer?.type === 'ByteLevel' &&
    file.pre_tokenizer.add_prefix_space === false &&
    file.pre_tokenizer.use_regex !== false &&
    file.model?.type === 'BPE' &&
    (file.added_tokens ?? []).every(
      ({ content, lstrip, rstrip, single_word: whole }) =>
        content === END_OF_TEXT && !lstrip && !rstrip && !whole,
    )
  );
}
