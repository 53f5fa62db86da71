/** Preferences on their way in and out: what the API takes and gives, and Plumbline's own file format. */
import type { Message } from './data-artifacts.js';
import type { Outcome } from './status.js';

/** Formats of `plumbline preferences import` and `export`; docs/preferences.md says what each of them holds. */
export const PREFERENCE_FORMATS = ['trl', 'hh', 'openai', 'ultrafeedback', 'plumbline'] as const;
export type PreferenceFormatName = (typeof PREFERENCE_FORMATS)[number];

/**
 * First line of a Plumbline preference file: JSON Lines, each of the other lines a `JudgedComparison`. Both are written as
 * canonical JSON, so that equal content has equal bytes.
 */
export interface PreferenceFileHeader {
  readonly kind: 'plumbline-preferences';
  readonly version: 1;
  /** Artifact id of the tokenizer.json that the tokens are of; null: there are texts only, and all tokens are empty. */
  readonly tokenizer: string | null;
  /** What labelers were asked to go by; judgements name the version. */
  readonly guidelines: readonly { readonly version: number; readonly text: string }[];
  /** How many lines follow, and how many judgements are in them, skips included: a file that was cut off shows. */
  readonly comparisons: number;
  readonly judgements: number;
}

/** A comparison with all that was said about it. What is not known is absent, never null. */
export interface JudgedComparison {
  readonly prompt: readonly Message[];
  readonly promptTokens: readonly number[];
  /** At least two. */
  readonly responses: readonly { readonly text: string; readonly tokens: readonly number[] }[];
  readonly split: 'train' | 'heldOut';
  /** At least one. */
  readonly judgements: readonly RecordedJudgement[];
}

/** One judgement, whoever recorded it. Positions and ranks are in the order of the comparison's responses. */
export interface RecordedJudgement {
  readonly outcome: Outcome;
  /** Rank of each response, 1 = best, without gaps; empty unless `ranked`. */
  readonly ranks: readonly number[];
  /** As `PreferenceRecord.confidence`. */
  readonly confidence?: number;
  /** As `PreferenceRecord.margin`. */
  readonly margin?: number;
  /** Pseudonym. */
  readonly labeler?: string;
  /** Positions of the responses in the order in which they were shown. */
  readonly displayedOrder?: readonly number[];
  /** Of the header's guidelines. */
  readonly guidelineVersion?: number;
  /** When it was made; ISO 8601, UTC. */
  readonly at?: string;
  /** How long the labeler took. */
  readonly durationMs?: number;
  /** Why it was skipped. */
  readonly reason?: string;
}

/** Where imported judgements come from. */
export interface PreferenceSource {
  /** The file's name, without its folder. */
  readonly fileName: string;
  /** SHA-256 (hex) of the file's bytes. */
  readonly fileSha256: string;
  readonly fileBytes: number;
  readonly format: PreferenceFormatName;
  /** Checkpoint whose tokenizer made the tokens; null: the tokens are the file's own, or there are none. */
  readonly model: string | null;
  /** Rows that the file had, and what became of those that are not in the set. */
  readonly rows: number;
  readonly leftOut: LeftOutRows;
  /** Responses whose end was cut off, in comparisons that are in the set. */
  readonly truncated: number;
}

export interface LeftOutRows {
  /** They could not be read. */
  readonly malformed: number;
  /** Longer than the model's context. */
  readonly long: number;
  /** All responses are the same. */
  readonly identical: number;
}
