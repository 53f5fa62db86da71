import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from './run-command-line.js';

let folder: string;
let server: Server | null;
let stdout: string;
let stderr: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plumbline-cli-'));
  server = null;
  stdout = '';
  stderr = '';
  vi.stubEnv('PLUMBLINE_HOME', join(folder, 'home'));
  vi.stubEnv('PLUMBLINE_API_URL', undefined);
  vi.stubEnv('PLUMBLINE_TOKEN', 'token');
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((stdout += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  server?.closeAllConnections();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
  process.exitCode = 0;
});

async function serve(answer: RequestListener): Promise<void> {
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('PLUMBLINE_API_URL', `http://127.0.0.1:${port}`);
}

const HEADER = {
  kind: 'plumbline-preferences',
  version: 1,
  tokenizer: null,
  guidelines: [{ version: 1, text: 'x' }],
  comparisons: 2,
  judgements: 2,
};
const COMPARISON = {
  prompt: [],
  promptTokens: [],
  responses: ['ä', 'b'].map((text) => ({ text, tokens: [] })),
  split: 'train',
  judgements: [{ outcome: 'ranked', ranks: [2, 1] }],
};
const line = (value: unknown) => `${JSON.stringify(value)}\n`;

describe('preferences export', () => {
  const exporting = (format: string, out: string) =>
    runCommandLine(['preferences', 'export', '--run', 'r', '--format', format, '--out', out]);

  it('writes the file whole, in place of one that is there, however the download is cut', async () => {
    const bytes = Buffer.from(
      line(HEADER) + line(COMPARISON) + line({ ...COMPARISON, judgements: [{ outcome: 'tie', ranks: [] }] }),
    );
    await serve((_, response) => {
      void (async () => {
        // Within "ä".
        const cut = bytes.indexOf(0xc3) + 1;
        response.write(bytes.subarray(0, cut));
        await new Promise((resolve) => setTimeout(resolve, 20));
        response.end(bytes.subarray(cut));
      })();
    });
    const out = join(folder, 'out.jsonl');
    writeFileSync(out, 'old');
    expect(await exporting('trl', out)).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe(line({ prompt: '', chosen: 'b', rejected: 'ä' }));
    expect(stdout).toBe(`1 judgements in ${out}\n`);
    expect(stderr).toBe('1 judgements are left out: the format trl cannot say "tie"\n');
  });

  it.each<[string, RequestListener]>([
    ['ends too early', (_, response) => void response.end(line(HEADER) + line(COMPARISON))],
    [
      'breaks off',
      (_, response) => {
        response.write(line(HEADER) + line(COMPARISON), () => response.destroy());
      },
    ],
  ])('writes nothing when the download %s', async (_, answer) => {
    await serve(answer);
    for (const format of ['plumbline', 'hh']) {
      expect(await exporting(format, join(folder, 'out.jsonl'))).toBe(1);
      expect(stderr).toContain('broke off in the middle of the export');
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it('asks for nothing when the file could not be written', async () => {
    await serve(() => expect.fail('asked'));
    expect(await exporting('trl', join(folder, 'none', 'out.jsonl'))).toBe(2);
    expect(stderr).toContain(`--out: there is no folder ${join(folder, 'none')}`);
    expect(await exporting('trl', folder)).toBe(2);
    expect(stderr).toContain(`--out: ${folder} is a folder`);
  });

  it('says what the API refuses', async () => {
    await serve((_, response) => {
      response.writeHead(404, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ status: 404, detail: 'there is no run r' }));
    });
    expect(await exporting('trl', join(folder, 'out.jsonl'))).toBe(2);
    expect(stderr).toBe('there is no run r\n');
  });
});

describe('preferences import', () => {
  const importing = (file: string, ...options: string[]) =>
    runCommandLine(['preferences', 'import', file, '--format', 'trl', ...options]);
  const rows = (...values: unknown[]): string => {
    const file = join(folder, 'rows.jsonl');
    writeFileSync(file, values.map(line).join(''));
    return file;
  };
  const GOOD = { prompt: 'It was', chosen: ' good.', rejected: ' bad.' };

  it('sends nothing when a row is wrong', async () => {
    await serve(() => expect.fail('asked'));
    const file = rows(GOOD, { prompt: 'x' }, GOOD, 7);
    expect(await importing(file, '--json')).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.trimEnd().split('\n')).toEqual([
      `${file}:2: no key chosen (there are prompt)`,
      `${file}:4: the row must be a JSON object`,
    ]);
  });

  it('sends a Plumbline file, says where it comes from, and prints the inputs of a reward step', async () => {
    const asked: { url: string; type: string | undefined; body: string }[] = [];
    await serve((request, response) => {
      void (async () => {
        let body = '';
        for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) body += chunk;
        asked.push({ url: request.url!, type: request.headers['content-type'], body });
        response.writeHead(201, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify({
            runId: 'r',
            comparisons: 'c',
            preferences: 'p',
            judgements: 1,
            comparisonCount: 1,
            heldOut: 0,
            created: true,
          }),
        );
      })();
    });
    expect(await importing(rows(GOOD, GOOD, { ...GOOD, rejected: ' good.' }))).toBe(0);
    expect(stderr).toBe('1 of 3 rows compare a response with itself and are left out\n');
    expect(stdout).toContain(
      'step: reward\ninputs:\n  model: # the checkpoint to train\n  comparisons: c\n  preferences: p\n',
    );
    const url = new URL(asked[0]!.url, 'http://x');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      fileName: 'rows.jsonl',
      fileSha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      format: 'trl',
      rows: '3',
      identical: '1',
    });
    expect(url.searchParams.has('model')).toBe(false);
    expect(asked[0]!.type).toBe('application/x-ndjson');
    const lines = asked[0]!.body
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as object);
    expect(lines).toMatchObject([
      { kind: 'plumbline-preferences', comparisons: 1, judgements: 2 },
      { split: 'train' },
    ]);
  });

  it('says what the API refuses, though it does not listen to the end', async () => {
    await serve((_, response) => {
      response.writeHead(403, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ status: 403, detail: 'Your role may not do this' }));
    });
    const many = Array.from({ length: 30_000 }, (_, i) => ({ ...GOOD, prompt: `${i} ${'x'.repeat(200)}` }));
    expect(await importing(rows(...many))).toBe(1);
    expect(stderr).toBe('Your role may not do this\n');
  });

  it.each<[string[], RegExp]>([
    [['--held-out', '1'], /--held-out.*below 1/],
    [['--long-rows', 'wrap'], /--long-rows.*refuse, truncate, drop/],
    [['--model', 'gpt2'], /--model: not an artifact id/],
    [['--model', 'a'.repeat(64)], /--model: artifact a+ is missing/],
  ])('refuses %j', async (options, message) => {
    await serve(() => expect.fail('asked'));
    expect(await importing(rows(GOOD), ...options)).toBe(2);
    expect(stderr).toMatch(message);
    expect(existsSync(join(folder, 'home'))).toBe(false);
  });

  it('needs the services', async () => {
    expect(await importing(rows(GOOD))).toBe(1);
    expect(stderr).toContain('the services are not running');
  });
});
