import { studyPage } from './page/study-page.js';
import type { StudyReportDocument, StudyReportInput } from './study-document.js';

/** Builds a study's report, a self-contained HTML page and the data it shows: equal input gives equal bytes. */
export function buildStudyReport(input: StudyReportInput): {
  readonly json: StudyReportDocument;
  readonly html: string;
} {
  const json: StudyReportDocument = { kind: 'study-report', format: 1, ...input };
  return { json, html: studyPage(json) };
}
