import {
  ArtifactError,
  decodeSafetensors,
  encodeSafetensors,
  type ArtifactStore,
  type NamedTensor,
} from '@plumbline/artifacts';
import type { SplitDocument } from './corpus.js';
import { GrowingVector } from './growing-vector.js';

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
  readonly documents: Int32Array;
  /** 1 at every token that starts a document or a word. */
  readonly wordStarts: Uint8Array;
}

export interface TokenizedCorpus {
  readonly train: TokenStream;
  readonly heldOut: TokenStream;
}

/**
 * Tokenises documents one after the other; only their tokens stay.
 * @param breathe awaited now and then
 */
export async function tokenizeCorpus(
  documents: AsyncIterable<readonly SplitDocument[]>,
  tokenizer: CorpusTokenizer,
  breathe: () => Promise<void> = () => Promise.resolve(),
): Promise<TokenizedCorpus> {
  const train = new StreamBuilder(tokenizer);
  const heldOut = new StreamBuilder(tokenizer);
  let characters = 0;
  for await (const some of documents) {
    for (const document of some) {
      (document.heldOut ? heldOut : train).add(document.text);
      characters += document.text.length;
      if (characters < CHARACTERS_BETWEEN_BREATHS) continue;
      characters = 0;
      await breathe();
    }
  }
  return { train: train.stream(), heldOut: heldOut.stream() };
}

/** A fraction of a second's work. */
const CHARACTERS_BETWEEN_BREATHS = 500_000;

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
    withWordStarts(read(`${part}.tokens`), read(`${part}.documents`), tokenizer);
  return { train: stream('train'), heldOut: stream('heldOut') };
}

function vector(data: Int32Array): NamedTensor {
  return { dtype: 'I32', shape: [data.length], data };
}

class StreamBuilder {
  private readonly tokens = new GrowingVector();
  private readonly documents = new GrowingVector();

  constructor(private readonly tokenizer: CorpusTokenizer) {}

  add(document: string): void {
    this.documents.push(this.tokens.length);
    this.tokens.append(this.tokenizer.encode(document));
    this.tokens.push(this.tokenizer.endOfText);
  }

  stream(): TokenStream {
    return withWordStarts(this.tokens.toArray(), this.documents.toArray(), this.tokenizer);
  }
}

function withWordStarts(tokens: Int32Array, documents: Int32Array, tokenizer: CorpusTokenizer): TokenStream {
  const known = new Map<number, number>();
  const wordStarts = new Uint8Array(tokens.length);
  tokens.forEach((token, i) => {
    let starts = known.get(token);
    if (starts === undefined) known.set(token, (starts = tokenizer.startsWord(token) ? 1 : 0));
    wordStarts[i] = starts;
  });
  for (const start of documents) wordStarts[start] = 1;
  return { tokens, documents, wordStarts };
}
