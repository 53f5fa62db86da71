import type { PipelineActivities } from '@plumbline/contracts';
import { setRunReport } from '@plumbline/database';
import { buildReport } from '@plumbline/report';
import { PIPELINE_ACTOR as actor, type PipelineDependencies } from './dependencies.js';
import { gatherReport } from './gather-report.js';

/** The run's report: a page for people and its JSON for programs, both artifacts. */
export function createReporting(dependencies: PipelineDependencies): Pick<PipelineActivities, 'buildReport'> {
  const { database, artifacts } = dependencies;
  return {
    buildReport: async ({ runId }) =>
      storeReport(dependencies, runId, buildReport(await gatherReport(database, artifacts, runId))),
  };
}

/** Stores a report's two forms as artifacts and ties them to the run. */
export async function storeReport(
  { database, artifacts }: Pick<PipelineDependencies, 'database' | 'artifacts'>,
  runId: string,
  { json, html }: { readonly json: unknown; readonly html: string },
): Promise<{ json: string; html: string }> {
  const page = Buffer.from(html);
  const jsonId = await artifacts.putJson(json);
  const htmlId = await artifacts.put(page);
  await setRunReport(database, {
    runId,
    json: {
      id: jsonId,
      kind: 'report',
      mediaType: 'application/json',
      bytes: (await artifacts.get(jsonId)).byteLength,
    },
    html: { id: htmlId, kind: 'report', mediaType: 'text/html', bytes: page.byteLength },
    actor,
  });
  return { json: jsonId, html: htmlId };
}
