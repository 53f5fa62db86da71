/** Comparison sets a comparison at a time: a hundred thousand of them are no string that V8 could hold. */
import type { SampledComparison } from '@plumbline/contracts';
import { ArtifactError } from './artifact-error.js';
import type { ArtifactStore } from './artifact-store.js';
import { canonicalJson } from './canonical-json.js';

/** Canonical JSON has sorted keys, so this is how every comparison set begins and ends. */
const BEGINNING = '{"comparisons":[';
const END = '],"kind":"comparison-set"';
/** The tokenizer may follow, and the end of the object. */
const LONGEST_END = `${END},"tokenizer":"${'0'.repeat(64)}"}`.length;
const CHUNK_CHARACTERS = 1 << 20;

/** As a `ComparisonSet`. */
export interface StreamedComparisonSet {
  readonly comparisons: AsyncIterable<SampledComparison>;
  readonly tokenizer?: string | null;
}

/** Stores a comparison set, with the bytes and so the id that `putJson` gives it. */
export function writeComparisonSet(
  store: ArtifactStore,
  { comparisons, tokenizer }: StreamedComparisonSet,
): Promise<{ readonly id: string; readonly bytes: number }> {
  return store.putStream(pieces(comparisons, tokenizer));
}

async function* pieces(
  comparisons: AsyncIterable<SampledComparison>,
  tokenizer: string | null | undefined,
): AsyncGenerator<Buffer> {
  let text = BEGINNING;
  let first = true;
  for await (const comparison of comparisons) {
    text += `${first ? '' : ','}${canonicalJson(comparison)}`;
    first = false;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield Buffer.from(text);
    text = '';
  }
  const end = tokenizer === undefined ? '}' : `,"tokenizer":${JSON.stringify(tokenizer)}}`;
  yield Buffer.from(text + END + end);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * The comparisons of a set, in its order.
 * @throws ArtifactError `missing`, `corrupted`, or `malformed` when the artifact is no comparison set
 */
export async function* readComparisonSet(
  store: ArtifactStore,
  id: string,
): AsyncGenerator<SampledComparison> {
  const malformed = () => new ArtifactError('malformed', `artifact ${id} is not a comparison set`);
  /** Of the comparison that has begun. */
  let pending: Buffer[] = [];
  let before = '';
  let after = '';
  let depth = 0;
  let inString = false;
  let escaped = false;
  let begun = false;
  for await (const chunk of store.getStream(id)) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = depth > 0 ? 0 : -1;
    let at = 0;
    if (!begun) {
      const needed = BEGINNING.length - before.length;
      before += bytes.toString('latin1', 0, needed);
      at = Math.min(needed, bytes.length);
      if (!BEGINNING.startsWith(before)) throw malformed();
      begun = before.length === BEGINNING.length;
    }
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (depth === 0) {
        if (byte === OPEN) {
          depth = 1;
          start = at;
          after = '';
        } else {
          after += String.fromCharCode(byte);
          if (after.length > LONGEST_END) throw malformed();
        }
      } else if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN) depth++;
      else if (byte === CLOSE && --depth === 0) {
        const text = Buffer.concat([...pending, bytes.subarray(start, at + 1)]).toString('utf8');
        pending = [];
        start = -1;
        yield JSON.parse(text) as SampledComparison;
      }
    }
    if (start >= 0) pending.push(Buffer.from(bytes.subarray(start)));
  }
  if (!begun || depth !== 0 || !after.startsWith(END) || !after.endsWith('}')) throw malformed();
}
