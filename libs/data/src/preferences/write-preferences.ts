/** Judged comparisons as files of other formats. */
import type { JudgedComparison, Outcome, PreferenceFormatName } from '@plumbline/contracts';
import { ROW_FORMATS } from './formats.js';

/** What came of an export, filled in as the rows are written. */
export interface WrittenPreferences {
  /** In the file. */
  judgements: number;
  rows: number;
  /** Judgements that the format cannot say, by outcome. */
  readonly leftOut: Partial<Record<Outcome, number>>;
}

/**
 * The rows of a comparison in a format other than Plumbline's own, each a line of JSON.
 * @param written is counted up
 */
export function rowsOf(
  comparison: JudgedComparison,
  format: Exclude<PreferenceFormatName, 'plumbline'>,
  written: WrittenPreferences,
): string {
  let lines = '';
  for (const judgement of comparison.judgements) {
    const rows = ROW_FORMATS[format].write(comparison, judgement);
    if (rows.length === 0) {
      written.leftOut[judgement.outcome] = (written.leftOut[judgement.outcome] ?? 0) + 1;
      continue;
    }
    written.judgements++;
    written.rows += rows.length;
    for (const row of rows) lines += `${JSON.stringify(row)}\n`;
  }
  return lines;
}
