/**
 * Choosing the next token from a model's probabilities. Every engine draws here, so that the same uniforms give the same
 * tokens whichever of them computed the probabilities, up to its rounding.
 */
export interface Sampling {
  /** Absent or 0: all tokens. */
  readonly topK?: number;
  /** Absent or 1: all tokens. */
  readonly topP?: number;
}

export interface Draw {
  readonly token: number;
  /** Nats, under the distribution that was drawn from. */
  readonly logProbability: number;
}

/** The likeliest token, the first of several. Null when the probabilities are not numbers. */
export function likeliest(probabilities: Float32Array): Draw | null {
  let token = -1;
  let best = -1;
  for (let i = 0; i < probabilities.length; i++) {
    const probability = probabilities[i]!;
    if (probability > best) {
      best = probability;
      token = i;
    }
  }
  return token < 0 ? null : { token, logProbability: Math.log(best) };
}

/**
 * The token at which the cumulated probability passes the uniform.
 * @param probabilities of all tokens after temperature; their sum is 1 up to rounding
 * @param uniform in [0, 1)
 * @returns null when the probabilities are not numbers
 */
export function draw(
  probabilities: Float32Array,
  uniform: number,
  { topK = 0, topP = 1 }: Sampling,
): Draw | null {
  const limited = (topK > 0 && topK < probabilities.length) || topP < 1;
  return limited ? drawAmong(probabilities, uniform, topK, topP) : drawFromAll(probabilities, uniform);
}

function drawFromAll(probabilities: Float32Array, uniform: number): Draw | null {
  let sum = 0;
  let last = -1;
  for (let token = 0; token < probabilities.length; token++) {
    const probability = probabilities[token]!;
    sum += probability;
    if (sum > uniform) return { token, logProbability: Math.log(probability) };
    if (probability > 0) last = token;
  }
  // Rounding left the sum below the uniform.
  return last < 0 || Number.isNaN(sum)
    ? null
    : { token: last, logProbability: Math.log(probabilities[last]!) };
}

/**
 * As transformers' TopKLogitsWarper and TopPLogitsWarper in this order: tokens as likely as the k-th all stay; top-p
 * looks at what top-k has left, scaled to sum 1, and keeps a token while those likelier than it sum to less than p.
 */
function drawAmong(probabilities: Float32Array, uniform: number, topK: number, topP: number): Draw | null {
  let minimum = topK > 0 && topK < probabilities.length ? kthLargest(probabilities, topK) : 0;
  const total = sumFrom(probabilities, minimum);
  if (!(total > 0)) return null;
  if (topP < 1) {
    // Tokens less likely than this sum to less than 1 − p, whatever their number: they never stay.
    const negligible = ((1 - topP) * total) / probabilities.length;
    const floor = Math.max(minimum, negligible);
    const candidates = probabilities
      .filter((probability) => probability >= floor)
      .sort()
      .reverse();
    let before = 0;
    let kept = 0;
    while (kept < candidates.length && (kept === 0 || before < topP * total)) before += candidates[kept++]!;
    minimum = candidates[kept - 1]!;
    // Of several tokens as likely as the last one that stays, the first ones.
    return drawFrom(probabilities, uniform, minimum, countEqual(candidates, minimum, kept));
  }
  return drawFrom(probabilities, uniform, minimum, Infinity);
}

/** Draws among tokens above `minimum` and the first `ties` of those equal to it. */
function drawFrom(probabilities: Float32Array, uniform: number, minimum: number, ties: number): Draw | null {
  const tokens: number[] = [];
  let total = 0;
  let tied = 0;
  for (let token = 0; token < probabilities.length; token++) {
    const probability = probabilities[token]!;
    if (probability > minimum || (probability === minimum && tied++ < ties)) {
      tokens.push(token);
      total += probability;
    }
  }
  let sum = 0;
  for (const token of tokens) {
    sum += probabilities[token]!;
    if (sum > uniform * total || token === tokens.at(-1)) {
      return { token, logProbability: Math.log(probabilities[token]! / total) };
    }
  }
  return null;
}

function sumFrom(probabilities: Float32Array, minimum: number): number {
  let sum = 0;
  for (const probability of probabilities) if (!(probability < minimum)) sum += probability;
  return sum;
}

function countEqual(sorted: Float32Array, value: number, length: number): number {
  let count = 0;
  for (let i = 0; i < length; i++) if (sorted[i] === value) count++;
  return count;
}

/** The k-th largest value, by a heap of the k largest seen: its root is the smallest of them. */
function kthLargest(values: Float32Array, k: number): number {
  const heap = values.slice(0, k).sort();
  for (let i = k; i < values.length; i++) {
    const value = values[i]!;
    if (value <= heap[0]!) continue;
    let parent = 0;
    for (let child = 1; child < k; child = 2 * parent + 1) {
      if (child + 1 < k && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= value) break;
      heap[parent] = heap[child]!;
      parent = child;
    }
    heap[parent] = value;
  }
  return heap[0]!;
}
