import type { Corpus } from './corpus.js';

/** What a corpus needs of a tokenizer. */
export interface CorpusTokenizer {
  readonly endOfText: number;
  encode(text: string): readonly number[];
  /** Whether the token's text begins with white space, so that a text may start at it. */
  startsWord(token: number): boolean;
}

/** Documents one after the other, each followed by the end-of-text token. */
export interface TokenStream {
  readonly tokens: Int32Array;
  /** Where each document starts in `tokens`, ascending. */
  readonly documents: readonly number[];
  /** 1 at every token that starts a document or a word. */
  readonly wordStarts: Uint8Array;
}

export interface TokenizedCorpus {
  readonly train: TokenStream;
  readonly heldOut: TokenStream;
}

export function tokenizeCorpus(
  corpus: Pick<Corpus, 'train' | 'heldOut'>,
  tokenizer: CorpusTokenizer,
): TokenizedCorpus {
  return {
    train: tokenStream(corpus.train, tokenizer),
    heldOut: tokenStream(corpus.heldOut, tokenizer),
  };
}

function tokenStream(documents: readonly string[], tokenizer: CorpusTokenizer): TokenStream {
  const encoded = documents.map((text) => tokenizer.encode(text));
  const length = encoded.reduce((sum, tokens) => sum + tokens.length + 1, 0);
  const tokens = new Int32Array(length);
  const starts: number[] = [];
  let at = 0;
  for (const document of encoded) {
    starts.push(at);
    tokens.set(document, at);
    at += document.length;
    tokens[at++] = tokenizer.endOfText;
  }
  const wordStarts = Uint8Array.from(tokens, (token) => (tokenizer.startsWord(token) ? 1 : 0));
  for (const start of starts) wordStarts[start] = 1;
  return { tokens, documents: starts, wordStarts };
}
