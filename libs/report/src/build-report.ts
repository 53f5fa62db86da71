import { page } from './page/page.js';
import { reportDocument, type ReportDocument } from './report-document.js';
import type { ReportInput } from './report-input.js';

export interface Report {
  readonly json: ReportDocument;
  /** A self-contained HTML page. */
  readonly html: string;
}

/** Builds a run's report: equal input gives equal bytes. */
export function buildReport(input: ReportInput): Report {
  const json = reportDocument(input);
  return { json, html: page(json) };
}
