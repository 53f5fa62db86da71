import { createHash, type Hash } from 'node:crypto';

const HELD_OUT_SHARE = 0.1;

/**
 * Decides which documents train and which are held out: those whose SHA-256 falls in the lowest share, a tenth, are. The side of
 * a document depends on its text alone, so copies stay together and growing the corpus moves nothing; but the document
 * with the smallest hash is held out always, and the one with the largest never, so that neither side is empty.
 *
 * It has to be shown all documents before it is asked about one.
 */
export class DocumentSplit {
  private readonly all: Hash = createHash('sha256');
  private smallest: string | null = null;
  private largest: string | null = null;
  private count = 0;

  /** @param share of the documents that is held out, above 0 and below 1 */
  constructor(private readonly share: number = HELD_OUT_SHARE) {}

  /** @returns the document's hash, to ask about it later */
  add(document: string): string {
    const hash = hashOf(document);
    this.all.update(this.count === 0 ? hash : `\n${hash}`);
    this.count++;
    if (this.smallest === null || hash < this.smallest) this.smallest = hash;
    if (this.largest === null || hash > this.largest) this.largest = hash;
    return hash;
  }

  get documents(): number {
    return this.count;
  }

  /** Whether there are two documents that differ: one for either side. */
  get isPossible(): boolean {
    return this.smallest !== this.largest;
  }

  isHeldOut(hash: string): boolean {
    return hash === this.smallest || (hash !== this.largest && fraction(hash) < this.share);
  }

  /** SHA-256 over the documents' hashes, in their order. */
  digest(): string {
    return this.all.copy().digest('hex');
  }
}

/** SHA-256 of the text, hex. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The hash as a number in [0, 1). */
export function fraction(hash: string): number {
  return parseInt(hash.slice(0, 8), 16) / 2 ** 32;
}
