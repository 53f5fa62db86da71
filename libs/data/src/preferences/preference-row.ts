/** What a row of a preference file says, whatever the format. */
import { sha256 } from '@plumbline/artifacts';
import type { JudgedComparison, Message, RecordedJudgement } from '@plumbline/contracts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** A row that cannot be used; the message says what is wrong with which key. */
export class RowError extends Error {
  override readonly name = 'RowError';
}

export interface PreferenceRow {
  readonly prompt: readonly Message[];
  readonly responses: readonly string[];
  /** Positions and ranks are those of `responses`. */
  readonly judgement: RecordedJudgement;
}

/** One row, one judgement; Plumbline's own format is read and written elsewhere, for it holds whole comparisons. */
export interface RowFormat {
  /** @throws RowError */
  read(row: JsonObject): PreferenceRow;
  /** The judgement as rows; none where the format cannot say it, several where it knows pairs only. */
  write(comparison: JudgedComparison, judgement: RecordedJudgement): readonly JsonObject[];
}

/**
 * The row with its responses in the order of their SHA-256. Files name the better one first; in this order its place
 * tells nothing, and two labelers who judged the same responses judged the same comparison, however each row has them.
 */
export function inCanonicalOrder({ prompt, responses, judgement }: PreferenceRow): PreferenceRow {
  const hashes = responses.map((text) => sha256(text));
  const order = responses
    .map((_, position) => position)
    .sort((a, b) => (hashes[a]! < hashes[b]! ? -1 : hashes[a]! > hashes[b]! ? 1 : a - b));
  const { ranks, confidence, displayedOrder } = judgement;
  return {
    prompt,
    responses: order.map((position) => responses[position]!),
    judgement: {
      ...judgement,
      ranks: ranks.length === 0 ? ranks : order.map((position) => ranks[position]!),
      ...(confidence !== undefined && { confidence: order[0] === 0 ? confidence : 10 - confidence }),
      ...(displayedOrder && { displayedOrder: displayedOrder.map((position) => order.indexOf(position)) }),
    },
  };
}

/** A row of formats that know a better and a worse response. */
export function preferredRow(
  prompt: readonly Message[],
  better: string,
  worse: string,
  details: Pick<RecordedJudgement, 'margin'> = {},
): PreferenceRow {
  return inCanonicalOrder({
    prompt,
    responses: [better, worse],
    judgement: { outcome: 'ranked', ranks: [1, 2], ...details },
  });
}

/** Ranks from 1 without gaps, the highest score first, equal scores together. */
export function ranksOf(scores: readonly number[]): number[] {
  const distinct = [...new Set(scores)].sort((a, b) => b - a);
  return scores.map((score) => 1 + distinct.indexOf(score));
}

/** The judgement that scores amount to: ranks, or a tie when all are equal. */
export function judgementOf(scores: readonly number[]): Pick<RecordedJudgement, 'outcome' | 'ranks'> {
  const ranks = ranksOf(scores);
  return ranks.every((rank) => rank === 1) ? { outcome: 'tie', ranks: [] } : { outcome: 'ranked', ranks };
}

/** Positions of every two responses of which one was preferred, the better one first; ties are not among them. */
export function preferredPairs({ ranks }: RecordedJudgement): { better: number; worse: number }[] {
  return ranks.flatMap((first, i) =>
    ranks.flatMap((second, j) =>
      i < j && first !== second ? [first < second ? { better: i, worse: j } : { better: j, worse: i }] : [],
    ),
  );
}

/** @throws RowError */
export function stringOf(row: JsonObject, key: string, path: string = key): string {
  const value = row[key];
  if (typeof value === 'string') return value;
  throw new RowError(value === undefined ? `no key ${path} (${keysOf(row)})` : `${path} must be a string`);
}

/** null where the key is absent or null. @throws RowError */
export function optionalString(row: JsonObject, key: string, path: string = key): string | null {
  return row[key] === undefined || row[key] === null ? null : stringOf(row, key, path);
}

/** null where the key is absent or null; a number may be written as a string. @throws RowError */
export function optionalNumber(row: JsonObject, key: string, path: string = key): number | null {
  const value = row[key];
  if (value === undefined || value === null) return null;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  throw new RowError(`${path} must be a number`);
}

/** @throws RowError */
export function objectOf(value: unknown, path: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new RowError(`${path} must be an object`);
}

/** For errors: the keys that an object does have. */
export function keysOf(row: JsonObject): string {
  const keys = Object.keys(row);
  return keys.length === 0 ? 'there are none' : `there are ${keys.slice(0, 10).join(', ')}`;
}
