import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunDescription, ServiceStatus } from '@plumbline/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectCompleted, Installation } from './support/installation.js';
import { TINY } from './support/tiny-configuration.js';

let installation: Installation;
/** The run of the preset. */
let smoke: RunDescription;

/** What `preferences import --json` prints. */
interface Imported {
  readonly runId: string;
  readonly comparisons: string;
  readonly preferences: string;
  readonly judgements: number;
  readonly leftOut: { readonly identical: number };
}

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
    smoke = run;
  });

  describe('preferences', () => {
    const file = (name: string) => join(installation.folder, name);
    const exported = (runId: string, format: string, name: string) =>
      installation.json<{ judgements: number }>(
        ...['preferences', 'export', '--run', runId, '--format', format, '--out', file(name)],
      );
    const imported = (name: string, format: string) =>
      installation.json<Imported>('preferences', 'import', file(name), '--format', format);

    it('come back as they went out, and train the same reward model', async () => {
      const { judgements } = await exported(smoke.runId, 'plumbline', 'out.jsonl');
      const again = await imported('out.jsonl', 'plumbline');
      expect(again.judgements).toBe(judgements);
      await exported(again.runId, 'plumbline', 'again.jsonl');
      expect(readFileSync(file('again.jsonl'), 'utf8')).toBe(readFileSync(file('out.jsonl'), 'utf8'));

      const last = (run: RunDescription, step: string) =>
        run.steps.find(({ name }) => name === step)!.checkpoints.at(-1)!.id;
      const inputs = {
        model: last(smoke, 'pretrain'),
        comparisons: again.comparisons,
        preferences: again.preferences,
      };
      const overrides = Object.entries(inputs).flatMap(([name, id]) => ['--set', `inputs.${name}=${id}`]);
      const run = await installation.json<RunDescription>(
        ...['run', 'start', 'smoke', '--set', 'step=reward', ...overrides, '--wait'],
      );
      const weights = (id: string) =>
        (JSON.parse(readFileSync(installation.artifact(id), 'utf8')) as { blobs: { weights: string } }).blobs
          .weights;
      expect(weights(last(run, 'reward'))).toBe(weights(last(smoke, 'reward')));
    });

    it.each(['trl', 'hh', 'openai', 'ultrafeedback'])('go out as %s and come in again', async (format) => {
      const { judgements } = await exported(smoke.runId, format, `${format}.jsonl`);
      expect(judgements).toBeGreaterThan(0);
      const rows = readFileSync(file(`${format}.jsonl`), 'utf8')
        .trimEnd()
        .split('\n');
      const first = await imported(`${format}.jsonl`, format);
      expect(first.judgements + first.leftOut.identical).toBe(rows.length);
      await exported(first.runId, format, `${format}-again.jsonl`);
      const second = await imported(`${format}-again.jsonl`, format);
      expect(second).toMatchObject({ comparisons: first.comparisons, preferences: first.preferences });
    });

    it('are refused with every line that is wrong, and nothing is imported', async () => {
      const runs = await installation.json<unknown[]>('run', 'list');
      const row = { prompt: 'It was', chosen: ' good.', rejected: ' bad.' };
      const lines = [
        JSON.stringify(row),
        '{"chosen": "x"}',
        'no row',
        JSON.stringify({ ...row, margin: -1 }),
      ];
      writeFileSync(file('bad.jsonl'), lines.join('\n'));
      const { code, stdout, stderr } = await installation.run(
        ...['preferences', 'import', file('bad.jsonl'), '--format', 'trl', '--json'],
      );
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      const problems = stderr.trimEnd().split('\n');
      expect(problems.map((problem) => problem.slice(0, `${file('bad.jsonl')}:2`.length))).toEqual(
        [2, 3, 4].map((line) => `${file('bad.jsonl')}:${line}`),
      );
      expect(await installation.json('run', 'list')).toEqual(runs);
    });
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
    const manifest = JSON.parse(readFileSync(installation.artifact(model), 'utf8')) as {
      blobs: { weights: string };
    };
    const bytes = readFileSync(installation.artifact(manifest.blobs.weights));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(installation.artifact(manifest.blobs.weights), bytes);

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
