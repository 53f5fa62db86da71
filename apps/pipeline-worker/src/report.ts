import type { PipelineActivities } from '@plumbline/contracts';
import { setRunReport } from '@plumbline/database';
import { buildReport } from '@plumbline/report';
import { PIPELINE_ACTOR as actor, type PipelineDependencies } from './dependencies.js';
import { gatherReport } from './gather-report.js';

/** The run's report: a page for people and its JSON for programs, both artifacts. */
export function createReporting({
  database,
  artifacts,
}: PipelineDependencies): Pick<PipelineActivities, 'buildReport'> {
  return {
    buildReport: async ({ runId }) => {
      const { json, html } = buildReport(await gatherReport(database, artifacts, runId));
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
    },
  };
}
