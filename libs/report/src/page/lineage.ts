import type { ReportDocument, StepLineage } from '../report-document.js';
import { duration, shortId, time } from './format.js';
import { html, type Html } from './html.js';

/** What made what: steps with times, artifact and checkpoint ids, and the code and machine they ran on. */
export function lineage({ run, lineage: steps }: ReportDocument): Html {
  const starts = steps.flatMap(({ startedAt }) => (startedAt === null ? [] : [Date.parse(startedAt)]));
  const ends = steps.flatMap(({ finishedAt }) => (finishedAt === null ? [] : [Date.parse(finishedAt)]));
  const from = Math.min(...starts);
  const whole = Math.max(...ends) - from;
  return html`<div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Status</th>
            <th scope="col">Started</th>
            <th scope="col" class="number">Took</th>
            <th scope="col">When</th>
          </tr>
        </thead>
        <tbody>
          ${steps.map(
            (step) =>
              html`<tr>
                <th scope="row">${step.step}</th>
                <td>${step.status}</td>
                <td>${time(step.startedAt)}</td>
                <td class="number">${step.seconds === null ? 'n/a' : duration(step.seconds)}</td>
                <td>${bar(step, from, whole)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <details open>
      <summary>Artifacts and checkpoints</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col">From</th>
              <th scope="col">Made</th>
              <th scope="col">Checkpoints</th>
            </tr>
          </thead>
          <tbody>
            ${steps.map(
              (step) =>
                html`<tr>
                  <th scope="row">${step.step}</th>
                  <td>${shortIds(step.inputs)}</td>
                  <td>${ids(step.outputs)}</td>
                  <td>${checkpoints(step)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>
    <details>
      <summary>Code, libraries and machine</summary>
      <div class="scroll">
        <table>
          <tbody>
            ${Object.entries({
              run: run.runId,
              ...(run.forkedFrom && {
                'forked from': `${run.forkedFrom.runId}, step ${run.forkedFrom.step}`,
              }),
              'configuration hash': run.configurationHash,
              commit: `${run.commit ?? 'unknown'}${run.dirty ? ' with local changes' : ''}`,
              'lockfile hash': run.lockfileHash ?? 'unknown',
              ...run.versions,
              ...run.machine,
            }).map(
              ([name, value]) =>
                html`<tr>
                  <th scope="row">${name}</th>
                  <td><code>${value}</code></td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>`;
}

function bar({ startedAt, finishedAt, step }: StepLineage, from: number, whole: number): Html | null {
  if (startedAt === null || finishedAt === null || !(whole > 0)) return null;
  const left = ((Date.parse(startedAt) - from) / whole) * 100;
  const width = ((Date.parse(finishedAt) - Date.parse(startedAt)) / whole) * 100;
  return html`<span
    class="span"
    role="img"
    aria-label="${step} from ${left.toFixed(0)} % to ${(left + width).toFixed(0)} % of the run"
    ><i style="left:${left.toFixed(2)}%;width:${width.toFixed(2)}%"></i
  ></span>`;
}

function ids(artifacts: Readonly<Record<string, string>>): Html {
  return html`<ul class="ids">
    ${Object.entries(artifacts).map(([name, id]) => html`<li>${name} <code>${id}</code></li>`)}
  </ul>`;
}

/** Inputs stand in full where they were made. */
function shortIds(artifacts: Readonly<Record<string, string>>): Html {
  return html`<ul class="ids">
    ${Object.entries(artifacts).map(
      ([name, id]) => html`<li>${name} <code title="${id}">${shortId(id)}</code></li>`,
    )}
  </ul>`;
}

function checkpoints({ checkpoints: made }: StepLineage): Html | string {
  const last = made.at(-1);
  if (!last) return 'none';
  const list = html`<ul class="ids">
    ${made.map(({ index, id }) => html`<li>${index} <code>${id}</code></li>`)}
  </ul>`;
  return made.length === 1
    ? list
    : html`<details style="margin:0">
        <summary style="padding:0">${made.length}, last at ${last.index}</summary>
        ${list}
      </details>`;
}
