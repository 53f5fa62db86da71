import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileArtifactStore, readCheckpointManifest, writeCheckpoint } from '@plumbline/artifacts';
import { readTokenizedCorpus } from '@plumbline/data';
import { Tokenizer } from '@plumbline/model';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from './run-command-line.js';

/** Directories that `transformers` wrote, and what it makes of them. */
const FIXTURES = fileURLToPath(new URL('../../../libs/model/fixtures/directories', import.meta.url));
const TIED = join(FIXTURES, 'tied');
const { cases } = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as {
  cases: Record<
    'tied' | 'sharded' | 'bare',
    { prompt: string; tokens: number[]; logprobs: number[]; greedy: number[]; greedyText: string }
  >;
};

let home: string;
let stdout: string;
let stderr: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plumbline-cli-'));
  vi.stubEnv('PLUMBLINE_HOME', home);
  vi.stubEnv('ARTIFACTS_URL', undefined);
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
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
  process.exitCode = 0;
});

/** Runs `plumbline model …` and gives what it printed, as JSON. */
async function json<T>(...args: string[]): Promise<T> {
  stdout = '';
  stderr = '';
  expect(await runCommandLine(['model', ...args, '--json']), stderr).toBe(0);
  return JSON.parse(stdout) as T;
}

interface Scores {
  readonly tokens: number[];
  readonly logprobs: number[];
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-4));
}

describe('plumbline model score', () => {
  it.each(['tied', 'bare', 'sharded'] as const)(
    'gives what transformers gives for tokens: %s',
    async (name) => {
      const { tokens, logprobs } = cases[name];
      const scores = await json<Scores>('score', join(FIXTURES, name), '--tokens', tokens.join(','));
      expect(scores.tokens).toEqual(tokens);
      expectClose(scores.logprobs, logprobs);
    },
  );

  it('gives what transformers gives for a text', async () => {
    const { prompt, tokens, logprobs } = cases.tied;
    const scores = await json<Scores>('score', TIED, '--text', prompt);
    expect(scores.tokens).toEqual(tokens);
    expectClose(scores.logprobs, logprobs);
  });

  it('needs no tokenizer.json for tokens, and does not mind a broken one', async () => {
    const copy = join(home, 'model');
    cpSync(TIED, copy, { recursive: true });
    writeFileSync(join(copy, 'tokenizer.json'), 'no');
    expectClose((await json<Scores>('score', copy, '--tokens', '276,264,279')).logprobs, cases.tied.logprobs);
    expect(await json<Scores>('score', copy, '--tokens', ' 5 ')).toEqual({ tokens: [5], logprobs: [] });
    expect(await runCommandLine(['model', 'score', copy, '--text', 'a'])).toBe(2);
    expect(stderr).toContain('tokenizer.json is not JSON');
  });

  it('is readable without --json', async () => {
    expect(await runCommandLine(['model', 'score', TIED, '--text', cases.tied.prompt])).toBe(0);
    expect(stdout).toMatch(/^token {2}text {4}nats\n276 {4}"the" {3}–\n264 {4}" cat" {2}-8\.013\n/);
    expect(stdout).toMatch(/\ntotal -14\.84 nats; per token -7\.418\n$/);
  });
});

describe('plumbline model generate', () => {
  interface Generated {
    readonly text: string;
    readonly tokens: number[];
  }

  it('decodes greedily as transformers does', async () => {
    const { prompt, greedy, greedyText } = cases.tied;
    const options = ['--prompt', prompt, '--max-new-tokens', String(greedy.length), '--temperature', '0'];
    expect(await json<Generated>('generate', TIED, ...options)).toEqual({ text: greedyText, tokens: greedy });
  });

  it('samples the same again, and otherwise with another seed', async () => {
    const sample = (...more: string[]) =>
      json<Generated>('generate', TIED, '--prompt', 'the', '--temperature', '2', ...more);
    const first = await sample('--seed', '3');
    expect(await sample('--seed', '3')).toEqual(first);
    expect(await sample('--seed', '4')).not.toEqual(first);
    expect(await sample('--seed', '1')).toEqual(await sample());
  });

  it('draws only among the likeliest tokens', async () => {
    const { prompt, greedy } = cases.tied;
    const hot = [
      'generate',
      TIED,
      '--prompt',
      prompt,
      '--max-new-tokens',
      String(greedy.length),
      '--temperature',
      '5',
    ];
    for (const seed of ['1', '2', '3']) {
      const all = await json<Generated>(...hot, '--seed', seed, '--top-k', '0', '--top-p', '1');
      expect(all.tokens).not.toEqual(greedy);
      // One token is left, whatever the temperature: the likeliest.
      expect((await json<Generated>(...hot, '--seed', seed, '--top-k', '1')).tokens).toEqual(greedy);
      expect((await json<Generated>(...hot, '--seed', seed, '--top-p', '0.000001')).tokens).toEqual(greedy);
    }
  });

  it('uses the defaults of generation_config.json', async () => {
    const copy = join(home, 'model');
    cpSync(TIED, copy, { recursive: true });
    const { greedy } = cases.tied;
    const settings = { do_sample: false, max_new_tokens: 4, eos_token_id: [99, greedy[2]] };
    writeFileSync(join(copy, 'generation_config.json'), JSON.stringify(settings));
    // Greedy, and ended by the token that ends a text.
    const generated = await json<Generated>('generate', copy, '--prompt', cases.tied.prompt);
    expect(generated.tokens).toEqual(greedy.slice(0, 3));
    expect(cases.tied.greedyText.startsWith(generated.text)).toBe(true);
    expect(await runCommandLine(['model', 'generate', copy, '--prompt', cases.tied.prompt])).toBe(0);
    expect(stdout.endsWith(`${generated.text}\n`)).toBe(true);
  });

  it('fills the context and no more', async () => {
    const { tokens } = await json<Generated>('generate', TIED, '--prompt', 'the cat', '--temperature', '0');
    expect(tokens.length).toBe(14);
  });
});

describe('plumbline model import and export', () => {
  it('keep the model: from a directory to a checkpoint, to a directory, to the same checkpoint', async () => {
    const { checkpoint } = await json<{ checkpoint: string }>('import', TIED);
    expect(checkpoint).toMatch(/^[0-9a-f]{64}$/);
    const { tokens, logprobs, prompt, greedy } = cases.tied;
    expectClose((await json<Scores>('score', checkpoint, '--tokens', tokens.join(','))).logprobs, logprobs);
    expectClose((await json<Scores>('score', checkpoint, '--text', prompt)).logprobs, logprobs);
    const generate = [
      'generate',
      checkpoint,
      '--prompt',
      prompt,
      '--temperature',
      '0',
      '--max-new-tokens',
      '3',
    ];
    expect((await json<{ tokens: number[] }>(...generate)).tokens).toEqual(greedy.slice(0, 3));

    const directory = join(home, 'exported');
    expect(await json('export', checkpoint, directory)).toEqual({ directory });
    expect(readdirSync(directory).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(await json('import', directory)).toEqual({ checkpoint });
    expect(await json('export', checkpoint, directory)).toEqual({ directory });
    expect(stderr).toContain('holds this model already');
  });

  it('take a corpus along, for the prompts of later steps', async () => {
    const corpus = join(home, 'corpus.txt');
    writeFileSync(
      corpus,
      Array.from({ length: 9 }, (_, i) => `The cat sat on mat ${String(i)}.`).join('\n\n'),
    );
    const plain = await json<{ checkpoint: string }>('import', TIED);
    const { checkpoint } = await json<{ checkpoint: string }>('import', TIED, '--corpus', corpus);
    expect(checkpoint).not.toBe(plain.checkpoint);
    const store = new FileArtifactStore(join(home, 'artifacts'));
    const { references } = await readCheckpointManifest(store, checkpoint);
    const { train, heldOut } = await readTokenizedCorpus(
      store,
      references['corpus']!,
      new Tokenizer(await store.getJson(references['tokenizer']!)),
    );
    expect(train.documents.length + heldOut.documents.length).toBe(9);
    stderr = '';
    const missing = join(home, 'none.txt');
    expect(await runCommandLine(['model', 'import', TIED, '--corpus', missing])).toBe(2);
    expect(stderr).toMatch(/^--corpus: .*none\.txt: .*\n$/);
    stderr = '';
    const bare = join(FIXTURES, 'bare');
    expect(await runCommandLine(['model', 'import', bare, '--corpus', corpus])).toBe(2);
    expect(stderr).toContain('has no tokenizer.json');
  });

  it('say what was taken over otherwise', async () => {
    await json('import', join(FIXTURES, 'bare'));
    expect(stderr).toMatch(/embd_pdrop 0\.1, attn_pdrop 0, .*without dropout\n$/);
  });

  it('replace nothing unless told to', async () => {
    const { checkpoint } = await json<{ checkpoint: string }>('import', TIED);
    const other = await json<{ checkpoint: string }>('import', join(FIXTURES, 'sharded'));
    const directory = join(home, 'exported');
    await json('export', other.checkpoint, directory);
    stderr = '';
    expect(await runCommandLine(['model', 'export', checkpoint, directory])).toBe(2);
    expect(stderr).toBe(`${directory} holds something else already; --force replaces a model directory\n`);
    await json('export', checkpoint, directory, '--force');
    expect(await json('import', directory)).toEqual({ checkpoint });
  });
});

describe('bad input ends with 2, one line and nothing on stdout', () => {
  const missing = 'a'.repeat(64);
  it.each<[string, string[], RegExp]>([
    ['an unknown id', ['score', missing, '--tokens', '1'], /artifact a{64} is missing/],
    [
      'what is neither id nor directory',
      ['score', 'gpt2', '--tokens', '1'],
      /"gpt2" is neither a checkpoint id .* nor a directory/,
    ],
    [
      'a directory without config.json',
      ['score', FIXTURES, '--tokens', '1'],
      /directories has no config\.json/,
    ],
    ['neither text nor tokens', ['score', TIED], /either --text or --tokens/],
    ['both text and tokens', ['score', TIED, '--text', 'a', '--tokens', '1'], /either --text or --tokens/],
    ['an empty text', ['score', TIED, '--text', ''], /there are no tokens/],
    ['tokens that are none', ['score', TIED, '--tokens', '1,x'], /list of tokens/],
    ['a negative token', ['score', TIED, '--tokens', '-1'], /list of tokens/],
    [
      'a token out of vocabulary',
      ['score', TIED, '--tokens', '1,290'],
      /token 290 is not in the model's vocabulary \(0 … 289\)/,
    ],
    [
      'more tokens than the context',
      ['score', TIED, '--tokens', Array(17).fill('1').join()],
      /17 tokens do not fit/,
    ],
    [
      'a text without tokenizer.json',
      ['score', join(FIXTURES, 'bare'), '--text', 'a'],
      /bare has no tokenizer\.json/,
    ],
    ['an empty prompt', ['generate', TIED, '--prompt', ''], /--prompt is empty/],
    [
      'a prompt too long',
      ['generate', TIED, '--prompt', 'x'.repeat(16)],
      /16 tokens and 1 new ones do not fit the model's context of 16/,
    ],
    [
      'a response too long',
      ['generate', TIED, '--prompt', 'the', '--max-new-tokens', '16'],
      /1 tokens and 16 new ones do not fit/,
    ],
    [
      'a temperature that is no number',
      ['generate', TIED, '--prompt', 'a', '--temperature', 'NaN'],
      /number from 0/,
    ],
    ['a negative temperature', ['generate', TIED, '--prompt', 'a', '--temperature', '-1'], /number from 0/],
    ['an empty temperature', ['generate', TIED, '--prompt', 'a', '--temperature', ''], /number from 0/],
    ['top-p of nothing', ['generate', TIED, '--prompt', 'a', '--top-p', '0'], /above 0 and at most 1/],
    ['top-k of a fraction', ['generate', TIED, '--prompt', 'a', '--top-k', '1.5'], /whole number from 0/],
    [
      'no tokens to make',
      ['generate', TIED, '--prompt', 'a', '--max-new-tokens', '0'],
      /whole number from 1/,
    ],
    [
      'a seed beyond 32 bits',
      ['generate', TIED, '--prompt', 'a', '--seed', '4294967296'],
      /whole number from 0 to 4294967295/,
    ],
    ['importing what is not there', ['import', '/no/such/model'], /\/no\/such\/model: no such directory/],
    ['importing a file', ['import', join(FIXTURES, 'expected.json')], /is not a directory/],
    ['exporting an unknown id', ['export', missing, '/tmp/never'], /is missing/],
    ['exporting what is no id', ['export', '../x', '/tmp/never'], /not an artifact id/],
  ])('%s', async (_, args, reason) => {
    expect(await runCommandLine(['model', ...args, '--json'])).toBe(2);
    expect(stderr).toMatch(reason);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(readdirSync(home)).toEqual([]);
  });

  it('a checkpoint that is no language model', async () => {
    const id = await writeCheckpoint(new FileArtifactStore(join(home, 'artifacts')), {
      step: 'reward',
      index: 1,
      configuration: { model: { layers: 1, heads: 1, width: 4, context: 8, vocabulary: 9 } },
      weights: {},
      optimizer: {},
      state: {},
      references: {},
    });
    for (const args of [
      ['score', id, '--tokens', '1'],
      ['export', id, join(home, 'exported')],
    ]) {
      stderr = '';
      expect(await runCommandLine(['model', ...args])).toBe(2);
      expect(stderr).toMatch(/^checkpoint [0-9a-f]{64} is a reward model: .*\n$/);
    }
    expect(readdirSync(home)).toEqual(['artifacts']);
  });
});
