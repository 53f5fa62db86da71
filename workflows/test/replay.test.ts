import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, describe, expect, it } from 'vitest';
import { sourceBundleOptions } from './source-bundle.js';

/*
 * Histories of real executions, replayed against today's code: a change that would break runs in flight fails here.
 * RECORD_HISTORIES=1 npx vitest run --project workflows writes them anew, which is right only when no run of an older
 * release can still be open.
 */
const HISTORIES = fileURLToPath(new URL('./histories/', import.meta.url));
const files = readdirSync(HISTORIES).filter((file) => file.endsWith('.json'));

let code: string;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  ({ code } = await bundleWorkflowCode(sourceBundleOptions));
});

function historyOf(file: string): {
  events: { eventType: string; activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
} {
  return JSON.parse(readFileSync(`${HISTORIES}/${file}`, 'utf8')) as ReturnType<typeof historyOf>;
}

describe('replay', () => {
  it('has histories of completion, fine-tuning, failure, cancellation, pause, people and a study', () => {
    const scenarios = new Set(files.map((file) => file.split('.')[0]));
    expect([...scenarios].sort()).toEqual([
      'cancelled',
      'completed',
      'failed',
      'fine-tuned',
      'paused',
      'people',
      'study',
    ]);
  });

  it.each(files)('%s', async (file) => {
    await Worker.runReplayHistory({ workflowBundle: { code } }, historyOf(file));
  });

  it('notices a history that the code would not have made', async () => {
    const history = historyOf('completed.run-collect.json');
    const scheduled = history.events.find(
      (event) => event.activityTaskScheduledEventAttributes?.activityType.name === 'freezePreferences',
    );
    scheduled!.activityTaskScheduledEventAttributes!.activityType.name = 'buildReport';
    await expect(Worker.runReplayHistory({ workflowBundle: { code } }, history)).rejects.toThrow(
      DeterminismViolationError,
    );
  });
});

describe('bundle', () => {
  it('holds every workflow that contracts name', async () => {
    const { WORKFLOW_NAMES } = await import('@plumbline/contracts');
    const exported = await import('../src/index.js');
    expect(Object.keys(exported).sort()).toEqual(Object.values(WORKFLOW_NAMES).sort());
    for (const name of Object.values(WORKFLOW_NAMES)) expect(code).toContain(`function ${name}(`);
  });

  it('takes in nothing that only a worker may use', () => {
    for (const forbidden of ['typeorm', '@nestjs', 'tfjs', '@temporalio/activity', 'node:fs']) {
      expect(code).not.toContain(`node_modules/${forbidden}`);
      expect(code).not.toContain(`require("${forbidden}`);
    }
  });
});
