import { FileArtifactStore, readCheckpoint } from '@plumbline/artifacts';
import { leakedTensors, loadTensorFlow } from '@plumbline/compute';
import { DEFAULT_TEXT_KEY, TRAINING_DEFAULTS, type RunConfiguration } from '@plumbline/contracts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  recordingContext as recordingContextOf,
  type RecordingContext,
} from '../test-support/recording-context.js';
import { COMPILED_FP32, pretrain, readModelCheckpoint } from './index.js';

let directory: string;
let corpus: string;

beforeAll(async () => {
  loadTensorFlow({ device: 'cpu' });
  directory = await mkdtemp(join(tmpdir(), 'pretrain-'));
  corpus = join(directory, 'corpus.txt');
  const animals = ['cat', 'dog', 'owl', 'hen', 'fox'];
  const documents = Array.from({ length: 60 }, (_, i) =>
    Array.from(
      { length: 12 },
      (_, j) => `The ${animals[(i + j) % 5]!} sees the ${animals[(i * j) % 5]!}.`,
    ).join(' '),
  );
  await writeFile(corpus, documents.map((text, i) => `${text} Number ${i}.`).join('\n\n'));
});
afterAll(() => rm(directory, { recursive: true }));

function configuration(changes: Partial<RunConfiguration['pretrain']> = {}): RunConfiguration {
  return {
    seed: 5,
    inputs: {},
    model: { layers: 1, heads: 2, width: 16, context: 16, vocabulary: 290 },
    pretrain: {
      ...TRAINING_DEFAULTS,
      textKey: DEFAULT_TEXT_KEY,
      corpus,
      tokens: 20 * 4 * 16,
      batch: 4,
      learningRate: 0.01,
      warmup: 3,
      checkpointEvery: 6,
      ...changes,
    },
  } as unknown as RunConfiguration;
}

function recordingContext(options?: Parameters<typeof recordingContextOf>[1]): RecordingContext {
  return recordingContextOf(new FileArtifactStore(join(directory, 'artifacts')), options);
}

describe('pretrain', () => {
  it('learns, and ends with the same checkpoint however often it is interrupted', async () => {
    const whole = recordingContext();
    const result = await pretrain(configuration(), {}, whole);
    expect(whole.commits.map(({ index }) => index)).toEqual([6, 12, 18, 20]);
    expect(result).toEqual({ outcome: 'completed', outputs: { model: whole.commits.at(-1)!.id } });

    const heldOut = whole.reports.flatMap(({ metrics }) => metrics?.values['heldOutLoss'] ?? []);
    expect(heldOut).toHaveLength(4);
    expect(heldOut[0]!).toBeLessThan(Math.log(290) + 0.1);
    expect(heldOut.at(-1)!).toBeLessThan(heldOut[0]! - 0.5);

    const paused = recordingContext({ pauseAfter: 1 });
    expect(await pretrain(configuration(), {}, paused)).toEqual({ outcome: 'paused' });
    expect(paused.commits).toEqual(whole.commits.slice(0, 1));
    const killed = recordingContext({ resumeFrom: paused.commits[0]!.id, dieAfter: 2 });
    await expect(pretrain(configuration(), {}, killed)).rejects.toThrow('killed');
    // The second commit was never acknowledged: continue from the first.
    const last = recordingContext({ resumeFrom: killed.commits[0]!.id });
    expect(await pretrain(configuration(), {}, last)).toEqual(result);
    expect(last.commits).toEqual(whole.commits.slice(2));

    const done = recordingContext({ resumeFrom: last.commits.at(-1)!.id });
    expect(await pretrain(configuration(), {}, done)).toEqual(result);
    expect(done.commits).toEqual([]);
  });

  it('continues exactly when compiled, too', async () => {
    const settings = configuration({ tokens: 4 * 4 * 16, checkpointEvery: 2 });
    const whole = recordingContext({ plan: COMPILED_FP32 });
    const result = await pretrain(settings, {}, whole);
    const resumed = recordingContext({ plan: COMPILED_FP32, resumeFrom: whole.commits[0]!.id });
    expect(await pretrain(settings, {}, resumed)).toEqual(result);
  }, 120_000);

  it('writes a checkpoint that holds the model, the tokenizer and nothing of the run', async () => {
    const context = recordingContext();
    const settings = configuration({ tokens: 2 * 4 * 16 });
    await pretrain(settings, {}, context);
    const { id, index } = context.commits[0]!;
    expect(index).toBe(2);
    const model = await readModelCheckpoint(context.artifacts, id);
    expect(model.model).toEqual(settings.model);
    expect(model.tokenizer.vocabularySize).toBe(290);
    const checkpoint = await readCheckpoint(context.artifacts, id);
    expect(checkpoint.state).toEqual({
      updates: 2,
      tokensSeen: 128,
      schedule: { kind: 'cosine', peak: 0.01, warmup: 3, total: 2, finalShare: 0.1, next: 0.01 },
      data: { cursor: 8, purpose: 'pretrain windows', pass: 0, position: 8 },
      accumulation: { microBatches: 1, done: 0 },
      dropout: null,
    });
    expect(Object.keys(checkpoint.optimizer)).toHaveLength(2 * Object.keys(checkpoint.weights).length);
  });

  it('gives another model to another seed', async () => {
    const settings = configuration({ tokens: 4 * 16 });
    const ids = [];
    for (const seed of [5, 5, 6]) {
      const context = recordingContext();
      await pretrain({ ...settings, seed }, {}, context);
      ids.push(context.commits[0]!.id);
    }
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('keeps the tensor count flat', async () => {
    const leaked = await leakedTensors(async () => {
      await pretrain(configuration({ tokens: 3 * 4 * 16 }), {}, recordingContext());
    });
    expect(leaked).toBe(0);
  });

  it('names what does not fit in the configuration', async () => {
    await expect(pretrain(configuration({ corpus: '/none.txt' }), {}, recordingContext())).rejects.toThrow(
      /^pretrain\.corpus: \/none\.txt: no such file/,
    );
    const large = { ...configuration().model, vocabulary: 4000 };
    await expect(pretrain({ ...configuration(), model: large }, {}, recordingContext())).rejects.toThrow(
      /^model\.vocabulary: the corpus yields \d+ tokens, not 4000/,
    );
    const long = { ...configuration().model, context: 100_000 };
    await expect(pretrain({ ...configuration(), model: long }, {}, recordingContext())).rejects.toThrow(
      /^pretrain\.corpus: the training documents .* model\.context of 100000/,
    );
  });

  it('does not need the text again: a file that is gone changes nothing', async () => {
    const unbroken = recordingContext();
    await pretrain(configuration(), {}, unbroken);
    const resumed = recordingContext({ resumeFrom: unbroken.commits[0]!.id });
    await pretrain(configuration({ corpus: join(directory, 'gone.txt') }), {}, resumed);
    expect(resumed.commits.at(-1)).toEqual(unbroken.commits.at(-1));
  });
});
