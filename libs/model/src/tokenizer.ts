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
  private readonly words: WordEncoder | null;
  /** One more than the largest token. */
  readonly vocabularySize: number;

  /** @param json the parsed content of a `tokenizer.json`. @throws Error when it is none. */
  constructor(readonly json: unknown) {
    try {
      this.runtime = new Runtime(json, {});
      this.words = encodesWordByWord(json) ? new WordEncoder(json) : null;
    } catch (error) {
      throw new Error(`not a usable tokenizer.json: ${(error as Error).message}`, { cause: error });
    }
    this.vocabularySize = 1 + [...this.runtime.get_vocab().values()].reduce((a, b) => Math.max(a, b), 0);
  }

  /** The token that ends a document. @throws Error when the file has none */
  get endOfText(): number {
    const token = this.runtime.token_to_id(END_OF_TEXT);
    if (token === undefined) throw new Error(`tokenizer.json has no token ${END_OF_TEXT}`);
    return token;
  }

  /** Special tokens in the text, such as `<|endoftext|>`, become those tokens. */
  encode(text: string): number[] {
    return this.words ? this.words.encode(text) : this.runtime.encode(text).ids;
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
}

/** The parts of `tokenizer.json` that decide how we may encode. */
interface TokenizerFile {
  readonly normalizer?: unknown;
  readonly post_processor?: { readonly type?: string } | null;
  readonly pre_tokenizer?: Partial<ByteLevel> | null;
  readonly model?: { readonly type?: string };
  readonly added_tokens?: readonly AddedToken[];
}
interface ByteLevel {
  readonly type: string;
  readonly add_prefix_space: boolean;
  readonly use_regex: boolean;
}
interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly single_word?: boolean;
}

/** A file as GPT-2's: byte-level BPE, no normalizer, and special tokens that stand for themselves alone. */
interface ByteLevelFile extends TokenizerFile {
  readonly pre_tokenizer: Partial<ByteLevel>;
}

function encodesWordByWord(json: unknown): json is ByteLevelFile {
  const file = json as TokenizerFile;
  return (
    !file.normalizer &&
    (!file.post_processor || file.post_processor.type === 'ByteLevel') &&
    file.pre_tokenizer?.type === 'ByteLevel' &&
    file.model?.type === 'BPE' &&
    (file.added_tokens ?? []).every(
      ({ content, lstrip, rstrip, single_word: whole }) => content !== '' && !lstrip && !rstrip && !whole,
    )
  );
}

/**
 * Byte-level BPE word by word. The words are found here: the runtime's own expression takes U+0085 and U+FEFF for what
 * they are not, and it remembers no words.
 */
class WordEncoder {
  private readonly runtime: Runtime;
  private readonly known = new Map<string, readonly number[]>();
  private readonly added: ReadonlyMap<string, number>;
  private readonly addedTokens: RegExp | null;
  private readonly addsSpace: boolean;
  private readonly splits: boolean;

  constructor(file: ByteLevelFile) {
    const words = { ...file.pre_tokenizer, add_prefix_space: false, use_regex: false };
    this.runtime = new Runtime({ ...file, pre_tokenizer: words, added_tokens: [] }, {});
    this.addsSpace = file.pre_tokenizer.add_prefix_space ?? true;
    this.splits = file.pre_tokenizer.use_regex ?? true;
    const added = file.added_tokens ?? [];
    this.added = new Map(added.map(({ content, id }) => [content, id]));
    // Of those that begin at the same place, the longest.
    const longestFirst = [...this.added.keys()].sort((a, b) => b.length - a.length);
    this.addedTokens = added.length > 0 ? new RegExp(`(${longestFirst.map(escaped).join('|')})`) : null;
  }

  encode(text: string): number[] {
    const tokens: number[] = [];
    const parts = this.addedTokens ? text.split(this.addedTokens) : [text];
    parts.forEach((part, index) => {
      if (index % 2 === 1) tokens.push(this.added.get(part)!);
      else
        for (const word of this.wordsOf(part)) for (const token of this.encodeWord(word)) tokens.push(token);
    });
    return tokens;
  }

  private wordsOf(text: string): readonly string[] {
    if (text === '') return [];
    const spaced = this.addsSpace && !text.startsWith(' ') ? ` ${text}` : text;
    return this.splits ? splitWords(spaced) : [spaced];
  }

  private encodeWord(word: string): readonly number[] {
    const known = this.known.get(word);
    if (known) return known;
    const tokens: readonly number[] = this.runtime.encode(word).ids;
    if (this.known.size >= WORD_CACHE_LIMIT) this.known.clear();
    this.known.set(word, tokens);
    return tokens;
  }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
