import {
  ArtifactError,
  decodeSafetensors,
  encodeSafetensors,
  type ArtifactStore,
  type NamedTensor,
} from '@plumbline/artifacts';
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

/** Stores a tokenised corpus; what is trained on it refers to it, and need not read the text again. */
export function writeTokenizedCorpus(artifacts: ArtifactStore, corpus: TokenizedCorpus): Promise<string> {
  return artifacts.put(
    encodeSafetensors({
      'train.tokens': vector(corpus.train.tokens),
      'train.documents': vector(corpus.train.documents),
      'heldOut.tokens': vector(corpus.heldOut.tokens),
      'heldOut.documents': vector(corpus.heldOut.documents),
    }),
  );
}

/**
 * @param tokenizer the one it was written with
 * @throws ArtifactError when the artifact is missing, corrupted or no tokenised corpus
 */
export async function readTokenizedCorpus(
  artifacts: ArtifactStore,
  id: string,
  tokenizer: CorpusTokenizer,
): Promise<TokenizedCorpus> {
  const tensors = decodeSafetensors(await artifacts.get(id));
  const read = (name: string): Int32Array => {
    const tensor = tensors[name];
    if (!(tensor?.data instanceof Int32Array)) {
      throw new ArtifactError('malformed', `artifact ${id} is no tokenised corpus: it has no ${name}`);
    }
    return tensor.data;
  };
  const stream = (part: string) =>
    withWordStarts(read(`${part}.tokens`), [...read(`${part}.documents`)], tokenizer);
  return { train: stream('train'), heldOut: stream('heldOut') };
}

function vector(values: Iterable<number>): NamedTensor {
  const data = Int32Array.from(values);
  return { dtype: 'I32', shape: [data.length], data };
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
  return withWordStarts(tokens, starts, tokenizer);
}

function withWordStarts(
  tokens: Int32Array,
  documents: readonly number[],
  tokenizer: CorpusTokenizer,
): TokenStream {
  const wordStarts = Uint8Array.from(tokens, (token) => (tokenizer.startsWord(token) ? 1 : 0));
  for (const start of documents) wordStarts[start] = 1;
  return { tokens, documents, wordStarts };
}
