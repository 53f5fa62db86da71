import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Api, RunDetail } from './api.js';

/**
 * Puts a run's report under PLUMBLINE_HOME/reports/RUN, as report.html and report.json; once is enough, since a report
 * never changes.
 * @returns path of report.html; null while the run has no report
 */
export async function exportReport(api: Api, run: RunDetail, home: string): Promise<string | null> {
  if (run.report === null) return null;
  const directory = join(home, 'reports', run.runId);
  mkdirSync(directory, { recursive: true });
  for (const format of ['json', 'html'] as const) {
    const file = join(directory, `report.${format}`);
    if (existsSync(file)) continue;
    writeFileSync(`${file}.partial`, await api.report(run.runId, format));
    renameSync(`${file}.partial`, file);
  }
  return join(directory, 'report.html');
}
