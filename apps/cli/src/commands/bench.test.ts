import type { BenchContext, BenchRow } from '@plumbline/bench';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../run-command-line.js';

const ROWS: readonly BenchRow[] = [
  { name: 'pretrain/4x128/torch-fp32', ours: 30123.4, peer: 15061.7, unit: 'tokens/s', ratio: 2 },
  { name: 'pretrain/4x128/torch-bf16', ours: 30123.4, peer: null, unit: 'tokens/s', ratio: null },
];

/** What the benches were asked; they measure nothing here. */
let asked: BenchContext;

vi.mock('@plumbline/bench', async (original) => ({
  ...(await original<object>()),
  runBenches: (_benches: unknown, context: BenchContext) => {
    asked = context;
    context.remark('torch-bf16 cannot run: no wheel');
    context.versions({ torch: '1.2.3' });
    return Promise.resolve(ROWS);
  },
}));

let stdout: string;
let stderr: string;

beforeEach(() => {
  stdout = '';
  stderr = '';
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
  process.exitCode = 0;
});

describe('plumbline bench', () => {
  it('prints one JSON document and remarks beside it', async () => {
    expect(await runCommandLine(['bench', 'pretrain', '--size', '4x128', '--rounds', '3', '--json'])).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ rows: ROWS });
    expect(stderr).toContain('torch-bf16 cannot run: no wheel');
    expect(asked).toMatchObject({ sizes: ['4x128'], rounds: 3 });
  });

  it('prints a table, the versions and the processor for people', async () => {
    expect(await runCommandLine(['bench', '--threads', '3'])).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['bench', 'ours', 'peer', 'unit', 'ratio'],
      ['pretrain/4x128/torch-fp32', '30,123', '15,062', 'tokens/s', '2.00×'],
      ['pretrain/4x128/torch-bf16', '30,123', '–', 'tokens/s', '–'],
    ]);
    expect(stderr).toMatch(/torch 1\.2\.3\n.*3 threads/);
  });

  it.each([
    [['bench', 'pretrian'], 'no such bench: pretrian; there are pretrain'],
    [['bench', 'pretrain', '--size', '9x9'], '--size 9x9: no such size'],
    [['bench', '--rounds', '0'], 'whole number'],
  ])('refuses %j', async (args, message) => {
    expect(await runCommandLine(args)).toBe(2);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
  });
});
