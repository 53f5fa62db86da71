import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from './run-command-line.js';

/** What an API of the test answers: `METHOD path` to status and body. */
type Answers = Readonly<Record<string, { status?: number; body: unknown }>>;

interface Asked {
  readonly request: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

let home: string;
let servers: Server[];
let stdout: string;
let stderr: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plumbline-cli-'));
  servers = [];
  stdout = '';
  stderr = '';
  vi.stubEnv('PLUMBLINE_HOME', home);
  vi.stubEnv('PLUMBLINE_API_URL', undefined);
  vi.stubEnv('PLUMBLINE_TOKEN', undefined);
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  for (const server of servers) server.close();
  rmSync(home, { recursive: true, force: true });
  process.exitCode = 0;
});

async function serve(answers: Answers): Promise<Asked[]> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const name = `${request.method ?? ''} ${request.url ?? ''}`;
      asked.push({ request: name, authorization: request.headers.authorization, body });
      const { status = 200, body: answer } = answers[name] ?? {
        status: 404,
        body: { title: 'Not Found', detail: `nothing at ${name}` },
      };
      const type = status < 400 ? 'application/json' : 'application/problem+json';
      response.writeHead(status, { 'content-type': type }).end(JSON.stringify(answer));
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  vi.stubEnv('PLUMBLINE_API_URL', `http://127.0.0.1:${String((server.address() as { port: number }).port)}`);
  vi.stubEnv('PLUMBLINE_TOKEN', 'a-token');
  return asked;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

function step(name: string, status: string, more: object = {}) {
  return {
    stepId: name,
    name,
    status,
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: status === 'completed' ? '2026-01-01T00:01:00Z' : null,
    error: null,
    inputs: {},
    outputs: {},
    progress: null,
    checkpoints: [{ index: 3, id: 'ab'.repeat(32), createdAt: '2026-01-01T00:00:30Z' }],
    metrics: { loss: 2.5 },
    collection: null,
    warnings: [],
    ...more,
  };
}

function run(status: string, more: object = {}) {
  return {
    runId: 'r1',
    name: 'small',
    status,
    currentStep: 'pretrain',
    error: null,
    configuration: { seed: 1, model: { width: 64 }, collect: {} },
    report: null,
    steps: [step('pretrain', status)],
    ...more,
  };
}

describe('wrong use and bad input: exit code 2, one line, nothing sent', () => {
  it.each([
    [['run', 'bogus'], /unknown command 'bogus'/],
    [['run', 'show'], /missing required argument 'id'/],
    [['run', 'start', 'smoke', '--sett', 'a=1'], /unknown option '--sett'/],
    [['run', 'start', 'smoke', '--set', 'seed'], /path=value/],
    [['run', 'start', 'nope'], /no preset called nope.*smoke/],
    [['run', 'start', './missing.yaml'], /no such file: \.\/missing\.yaml/],
    [['run', 'start', 'smoke', '--set', 'modle.width=64'], /^modle: unknown key\n$/],
    [['run', 'start', 'smoke', '--set', 'model.heads=7'], /^model\.width: .*divisible.*\n$/],
    [['run', 'start', 'smoke', '--set', 'pretrain.batch=many'], /^pretrain\.batch: /],
    [['run', 'start', 'smoke', '--set', 'pretrain.corpus=./none.txt'], /^pretrain\.corpus: no such file/],
    [['run', 'fork', 'r1'], /required option '--from/],
    [['run', 'fork', 'r1', '--from', 'nowhere'], /Allowed choices/],
    [['labelers', 'simulate', '--run', 'r1', '--count', '0'], /whole number from 1/],
  ])('%j', async (args, message) => {
    const asked = await serve({});
    expect(await runCommandLine(args)).toBe(2);
    expect(stderr).toMatch(message);
    expect(stdout).toBe('');
    expect(asked).toEqual([]);
  });

  it('names the place in a broken YAML file', async () => {
    const file = join(home, 'broken.yaml');
    writeFileSync(file, 'name: x\nmodel: {layers: 2\n');
    expect(await runCommandLine(['run', 'start', file])).toBe(2);
    expect(stderr).toMatch(/broken\.yaml:\d+:\d+: /);
  });

  it('is also what the API refuses, with the path of each key', async () => {
    await serve({
      'POST /api/v1/runs': {
        status: 422,
        body: { title: 'Bad', detail: 'refused', errors: [{ path: 'model.width', message: 'too wide' }] },
      },
    });
    expect(await runCommandLine(['run', 'start', 'smoke'])).toBe(2);
    expect(stderr).toBe('model.width: too wide\n');
  });

  it('is a run that does not exist', async () => {
    await serve({});
    expect(await runCommandLine(['run', 'show', 'r9'])).toBe(2);
    expect(stderr).toMatch(/nothing at GET .*r9/);
  });
});

describe('failures: exit code 1', () => {
  it('says how to start the services when they are not running', async () => {
    expect(await runCommandLine(['run', 'list'])).toBe(1);
    expect(stderr).toBe('the services are not running; start them with `npx plumbline up`\n');
  });

  it('says that the API does not answer', async () => {
    await serve({});
    servers[0]?.close();
    servers[0]?.closeAllConnections();
    expect(await runCommandLine(['run', 'list'])).toBe(1);
    expect(stderr).toMatch(/the API at http:\S+ does not answer/);
  });

  it('passes on why a run cannot be paused', async () => {
    await serve({
      'POST /api/v1/runs/r1/pause': { status: 409, body: { title: 'Conflict', detail: 'the run has ended' } },
    });
    expect(await runCommandLine(['run', 'pause', 'r1'])).toBe(1);
    expect(stderr).toBe('the run has ended\n');
  });
});

describe('results', () => {
  it('help and every sub-command’s help end with 0', async () => {
    expect(await runCommandLine(['--help'])).toBe(0);
    expect(await runCommandLine(['run', 'start', '--help'])).toBe(0);
    expect(stdout).toMatch(/--set <path=value>/);
  });

  it('starts a preset with overrides of YAML types, showing the token', async () => {
    const asked = await serve({ 'POST /api/v1/runs': { status: 201, body: { runId: 'r1' } } });
    const args = ['run', 'start', 'smoke', '--set', 'seed=7', '--set', 'optimise.kl.target=4.5', '--json'];
    expect(await runCommandLine(args)).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ runId: 'r1' });
    expect(asked).toEqual([
      {
        request: 'POST /api/v1/runs',
        authorization: 'Bearer a-token',
        body: {
          preset: 'smoke',
          overrides: [
            { path: 'seed', value: 7 },
            { path: 'optimise.kl.target', value: 4.5 },
          ],
        },
      },
    ]);
  });

  it('starts a file with its corpus found beside it', async () => {
    const asked = await serve({ 'POST /api/v1/runs': { status: 201, body: { runId: 'r1' } } });
    writeFileSync(join(home, 'words.txt'), 'some words');
    writeFileSync(join(home, 'own.yaml'), 'name: own\npretrain: {corpus: words.txt}\n');
    expect(await runCommandLine(['run', 'start', join(home, 'own.yaml')])).toBe(0);
    expect(asked[0]?.body).toMatchObject({
      configuration: { name: 'own', pretrain: { corpus: join(home, 'words.txt') } },
    });
  });

  it('shows a run in the documented shape, its report exported', async () => {
    const report = { json: 'aa', html: 'bb' };
    await serve({
      'GET /api/v1/runs/r1': { body: run('completed', { report }) },
      'GET /api/v1/runs/r1/report.json': { body: { kind: 'report' } },
      'GET /api/v1/runs/r1/report.html': { body: '<html>' },
    });
    expect(await runCommandLine(['run', 'show', 'r1', '--json'])).toBe(0);
    const file = join(home, 'reports', 'r1', 'report.html');
    expect(JSON.parse(stdout)).toEqual({
      runId: 'r1',
      name: 'small',
      status: 'completed',
      steps: [
        {
          name: 'pretrain',
          status: 'completed',
          startedAt: '2026-01-01T00:00:00Z',
          finishedAt: '2026-01-01T00:01:00Z',
          checkpoints: [{ index: 3, id: 'ab'.repeat(32) }],
          metrics: { loss: 2.5 },
        },
      ],
      report: file,
    });
    expect(readFileSync(join(home, 'reports', 'r1', 'report.json'), 'utf8')).toBe('{"kind":"report"}');
  });

  it('waits with progress on stderr and the result alone on stdout', async () => {
    let looks = 0;
    const progress = { phase: 'pretraining', done: 5, total: 10, unit: 'updates' };
    const answers = {
      'POST /api/v1/runs': { status: 201, body: { runId: 'r1' } },
      get 'GET /api/v1/runs/r1'() {
        looks += 1;
        return {
          body:
            looks === 1
              ? run('running', { steps: [step('pretrain', 'running', { progress })] })
              : run('completed'),
        };
      },
    };
    await serve(answers);
    expect(await runCommandLine(['run', 'start', 'smoke', '--wait', '--json'])).toBe(0);
    expect(stderr).toMatch(/pretrain .* 50 % {2}pretraining 5\/10 updates/);
    expect(JSON.parse(stdout)).toMatchObject({ runId: 'r1', status: 'completed' });
  });

  it('waiting for a run that fails ends with 1 and says why', async () => {
    const error = 'blob 12ab is corrupted';
    const steps = [step('pretrain', 'failed', { error })];
    await serve({ 'GET /api/v1/runs/r1': { body: run('failed', { error, steps }) } });
    expect(await runCommandLine(['run', 'watch', 'r1'])).toBe(1);
    expect(stderr).toMatch(/the run is failed\npretrain: blob 12ab is corrupted\n$/);
    stdout = '';
    expect(await runCommandLine(['run', 'show', 'r1'])).toBe(0);
    expect(stdout).toMatch(/small \(r1\): failed[\s\S]*error: pretrain: blob 12ab is corrupted\n$/);
  });

  it('compares the configurations and metrics of runs', async () => {
    const other = run('completed', {
      runId: 'r2',
      configuration: { seed: 2, model: { width: 64 }, collect: {} },
      steps: [step('pretrain', 'completed', { metrics: { loss: 2, accuracy: 0.5 } })],
    });
    await serve({
      'GET /api/v1/runs/r1': { body: run('completed') },
      'GET /api/v1/runs/r2': { body: other },
    });
    expect(await runCommandLine(['run', 'compare', 'r1', 'r2', '--json'])).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      { kind: 'configuration', name: 'seed', values: [1, 2] },
      { kind: 'metric', name: 'pretrain.loss', values: [2.5, 2] },
      { kind: 'metric', name: 'pretrain.accuracy', values: [null, 0.5] },
    ]);
  });

  it('lists as many runs as asked for, over several pages', async () => {
    const asked = await serve({
      'GET /api/v1/runs?limit=3': { body: { items: [run('completed'), run('failed')], nextCursor: 'next' } },
      'GET /api/v1/runs?limit=1&cursor=next': { body: { items: [run('running')], nextCursor: 'more' } },
    });
    expect(await runCommandLine(['run', 'list', '--limit', '3'])).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(4);
    expect(asked).toHaveLength(2);
  });

  it('shows services that do not run as stopped', async () => {
    expect(await runCommandLine(['status', '--json'])).toBe(0);
    const { services } = JSON.parse(stdout) as { services: unknown[] };
    expect(services).toHaveLength(5);
    expect(services).toContainEqual({ name: 'gpu-worker', state: 'stopped', address: null, pid: null });
  });
});
