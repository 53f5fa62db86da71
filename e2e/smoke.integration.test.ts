import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunDescription, ServiceStatus } from '@plumbline/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectCompleted, Installation } from './support/installation.js';
import { TINY } from './support/tiny-configuration.js';

let installation: Installation;
beforeAll(async () => {
  installation = await Installation.create();
  expect((await installation.run('up')).code).toBe(0);
});
afterAll(() => installation.remove());

describe('plumbline', () => {
  it('shows every service running, and a second up changes nothing', async () => {
    const before = await installation.json<{ services: ServiceStatus[] }>('status');
    expect(before.services.map(({ name, state }) => [name, state])).toEqual(
      ['postgres', 'temporal', 'api', 'pipeline-worker', 'gpu-worker'].map((name) => [name, 'running']),
    );
    expect((await installation.run('up')).code).toBe(0);
    expect(await installation.json('status')).toEqual(before);
  });

  it('keeps secrets to their owner', () => {
    for (const file of ['secrets.json', 'credentials.json']) {
      expect(statSync(join(installation.home, file)).mode & 0o777).toBe(0o600);
    }
  });

  it('runs the smoke preset to its report', async () => {
    const run = await installation.json<RunDescription>('run', 'start', 'smoke', '--wait');
    expectCompleted(run);
    expect(run.report).not.toBeNull();
    const token = (
      JSON.parse(readFileSync(join(installation.home, 'secrets.json'), 'utf8')) as {
        researcherToken: string;
      }
    ).researcherToken;
    const report = await fetch(`${await installation.apiUrl()}/api/v1/runs/${run.runId}/report.html`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(report.headers.get('content-type')).toContain('text/html');
    const page = await report.text();
    expect(page).toContain('<svg');
    expect(page).not.toMatch(/(?:src|href)="https?:/);
    const list = await installation.json<{ runId: string }[]>('run', 'list');
    expect(list.map(({ runId }) => runId)).toContain(run.runId);
  });

  it('refuses a bad configuration with the path of its key and starts nothing', async () => {
    const runs = await installation.json<unknown[]>('run', 'list');
    const bad: [object, string][] = [
      [{ ...TINY, optimise: { ...TINY.optimise, klTarget: 3 } }, 'optimise.klTarget'],
      [{ ...TINY, model: { ...TINY.model, width: 33 } }, 'model.width'],
      [{ ...TINY, pretrain: { ...TINY.pretrain, corpus: 'missing.txt' } }, 'pretrain.corpus'],
    ];
    for (const [configuration, path] of bad) {
      const { code, stdout, stderr } = await installation.run(
        'run',
        'start',
        await installation.configurationFile(configuration),
        '--json',
      );
      expect({ path, code, stdout }).toEqual({ path, code: 2, stdout: '' });
      expect(stderr).toContain(path);
    }
    expect(await installation.json('run', 'list')).toEqual(runs);
  });

  it('refuses a corrupted checkpoint blob by its hash', async () => {
    const first = await installation.completed(await installation.start({ ...TINY, step: 'pretrain' }));
    const model = first.steps[0]!.checkpoints.at(-1)!.id;
    const artifact = (id: string) => join(installation.home, 'artifacts', id.slice(0, 2), id.slice(2));
    const manifest = JSON.parse(readFileSync(artifact(model), 'utf8')) as { blobs: { weights: string } };
    const bytes = readFileSync(artifact(manifest.blobs.weights));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(artifact(manifest.blobs.weights), bytes);

    const runId = await installation.start({ ...TINY, step: 'sample', inputs: { model } });
    const { code, stderr } = await installation.run('run', 'watch', runId);
    expect(code).toBe(1);
    expect(stderr).toContain(manifest.blobs.weights);
    expect(stderr).toContain('corrupted');
  });

  it('leaves nothing running after down', async () => {
    expect((await installation.run('down')).code).toBe(0);
    expect(processesOf(installation.home)).toEqual([]);
    expect((await installation.run('down')).code).toBe(0);
  });
});

/** Command lines of processes that have the home in their command line or environment. */
function processesOf(home: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((pid) => {
      try {
        const about =
          readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8');
        return about.includes(home)
          ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')]
          : [];
      } catch {
        return []; // it ended while we looked
      }
    });
}
