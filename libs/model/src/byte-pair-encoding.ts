/**
 * Trains a byte-level byte-pair encoding and writes it as a Hugging Face `tokenizer.json`.
 *
 * Sennrich, Haddow and Birch 2016 over GPT-2's bytes and words. Pair counts are kept over distinct words and updated
 * only where a merge changed a word, so training time grows with the number of distinct words, not of characters.
 */

export const END_OF_TEXT = '<|endoftext|>';
/** The special token and one token for every byte. */
export const SMALLEST_VOCABULARY = 257;

/**
 * GPT-2's words. `\p{White_Space}` instead of `\s`, which in JavaScript misses U+0085 and adds U+FEFF.
 */
const WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The part of `tokenizer.json` that we write; the file is read by Hugging Face's own runtimes. */
export interface TokenizerJson {
  readonly version: '1.0';
  readonly truncation: null;
  readonly padding: null;
  readonly added_tokens: readonly {
    readonly id: number;
    readonly content: string;
    readonly single_word: boolean;
    readonly lstrip: boolean;
    readonly rstrip: boolean;
    readonly normalized: boolean;
    readonly special: boolean;
  }[];
  readonly normalizer: null;
  readonly pre_tokenizer: ByteLevel;
  readonly post_processor: null;
  readonly decoder: ByteLevel;
  readonly model: {
    readonly type: 'BPE';
    readonly dropout: null;
    readonly unk_token: null;
    readonly continuing_subword_prefix: null;
    readonly end_of_word_suffix: null;
    readonly fuse_unk: boolean;
    readonly byte_fallback: boolean;
    readonly ignore_merges: boolean;
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (readonly [string, string])[];
  };
}

interface ByteLevel {
  readonly type: 'ByteLevel';
  readonly add_prefix_space: boolean;
  readonly trim_offsets: boolean;
  readonly use_regex: boolean;
}

/** The text's words in GPT-2's sense; together they are the text. */
export function splitWords(text: string): readonly string[] {
  return text.match(WORDS) ?? [];
}

/**
 * Learns at most `vocabulary` tokens (the special token and the 256 bytes among them) from `texts`. Fewer come back
 * when the texts have no more pairs that occur twice.
 *
 * @throws RangeError when `vocabulary` has no room for the bytes.
 */
export function trainByteLevelBpe(texts: Iterable<string>, vocabulary: number): TokenizerJson {
  if (!Number.isInteger(vocabulary) || vocabulary < SMALLEST_VOCABULARY) {
    throw new RangeError(
      `a byte-level vocabulary has at least ${SMALLEST_VOCABULARY} tokens; ${vocabulary} were asked for`,
    );
  }
  const alphabet = byteCharacters();
  const tokens = [END_OF_TEXT, ...[...alphabet].sort()];
  const idOfByte = alphabet.map((character) => tokens.indexOf(character));
  const merges = learnMerges(countWords(texts), idOfByte, tokens, vocabulary);
  return tokenizerJson(tokens, merges);
}

/**
 * GPT-2's printable stand-ins: bytes that print (33–126, 161–172, 174–255) stand for themselves, the others for the
 * characters from U+0100 on, in order.
 */
function byteCharacters(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(prints ? byte : next++);
  });
}

function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of splitWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

interface Pair {
  readonly left: number;
  readonly right: number;
  count: number;
  /** Indices of words that contain the pair, or once did. */
  readonly words: Set<number>;
}

/** Appends merged tokens to `tokens` until there are `vocabulary` of them. */
function learnMerges(
  wordCounts: ReadonlyMap<string, number>,
  idOfByte: readonly number[],
  tokens: string[],
  vocabulary: number,
): [string, string][] {
  const words: number[][] = [];
  const counts: number[] = [];
  for (const [word, count] of wordCounts) {
    words.push(Array.from(Buffer.from(word, 'utf8'), (byte) => idOfByte[byte]!));
    counts.push(count);
  }

  const pairs = new Map<number, Pair>();
  const addToPair = (left: number, right: number, amount: number, word: number): Pair => {
    const key = left * 2 ** 26 + right;
    let pair = pairs.get(key);
    if (!pair) pairs.set(key, (pair = { left, right, count: 0, words: new Set() }));
    pair.count += amount;
    if (amount > 0) pair.words.add(word);
    return pair;
  };
  words.forEach((word, index) => {
    for (let i = 0; i + 1 < word.length; i++) addToPair(word[i]!, word[i + 1]!, counts[index]!, index);
  });

  const queue = new PairQueue();
  for (const pair of pairs.values()) queue.push(pair);

  const merges: [string, string][] = [];
  while (tokens.length < vocabulary) {
    const best = queue.pop();
    if (!best || best.count < 2) break;
    const merged = tokens.length;
    tokens.push(tokens[best.left]! + tokens[best.right]!);
    merges.push([tokens[best.left]!, tokens[best.right]!]);

    const grown = new Set<Pair>();
    for (const index of best.words) {
      const count = counts[index]!;
      words[index] = mergeWord(words[index]!, best.left, best.right, merged, (left, right, sign) => {
        const pair = addToPair(left, right, sign * count, index);
        if (sign > 0) grown.add(pair);
      });
    }
    best.count = 0;
    for (const pair of grown) queue.push(pair);
  }
  return merges;
}

/** Replaces each (left, right) in the word and reports the pairs that went (−1) and came (+1) beside it. */
function mergeWord(
  word: readonly number[],
  left: number,
  right: number,
  merged: number,
  change: (left: number, right: number, sign: 1 | -1) => void,
): number[] {
  const result: number[] = [];
  for (let i = 0; i < word.length; i++) {
    if (word[i] !== left || word[i + 1] !== right) {
      result.push(word[i]!);
      continue;
    }
    const before = result.at(-1);
    const after = word[i + 2];
    if (before !== undefined) {
      change(before, left, -1);
      change(before, merged, 1);
    }
    if (after !== undefined) {
      change(right, after, -1);
      change(merged, after, 1);
    }
    result.push(merged);
    i++;
  }
  return result;
}

interface QueuedPair {
  readonly pair: Pair;
  readonly count: number;
}

/**
 * A heap that gives the most frequent pair, of equal ones that with the smaller ids (as Hugging Face's trainer). A
 * count that sank since its pair was queued is noticed when it surfaces, and queued again.
 */
class PairQueue {
  private readonly heap: QueuedPair[] = [];

  push(pair: Pair): void {
    const heap = this.heap;
    let at = heap.push({ pair, count: pair.count }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!precedes(heap[at]!, heap[parent]!)) break;
      swap(heap, at, parent);
      at = parent;
    }
  }

  pop(): Pair | undefined {
    for (;;) {
      const top = this.takeTop();
      if (!top) return undefined;
      if (top.count === top.pair.count) return top.pair;
      if (top.count > top.pair.count && top.pair.count > 0) this.push(top.pair);
    }
  }

  private takeTop(): QueuedPair | undefined {
    const heap = this.heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || !last) return top;
    heap[0] = last;
    for (let at = 0; ;) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && precedes(heap[child]!, heap[first]!)) first = child;
      }
      if (first === at) return top;
      swap(heap, at, first);
      at = first;
    }
  }
}

function precedes(a: QueuedPair, b: QueuedPair): boolean {
  if (a.count !== b.count) return a.count > b.count;
  if (a.pair.left !== b.pair.left) return a.pair.left < b.pair.left;
  return a.pair.right < b.pair.right;
}

function swap<T>(items: T[], a: number, b: number): void {
  const kept = items[a]!;
  items[a] = items[b]!;
  items[b] = kept;
}

function tokenizerJson(tokens: readonly string[], merges: readonly [string, string][]): TokenizerJson {
  const byteLevel: ByteLevel = {
    type: 'ByteLevel',
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: true,
  };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      {
        id: 0,
        content: END_OF_TEXT,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      },
    ],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}
