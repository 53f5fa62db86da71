import { FileArtifactStore, readCheckpoint, writeCheckpoint, type ArtifactStore } from '@plumbline/artifacts';
import { leakedTensors, loadTensorFlow, tf } from '@plumbline/compute';
import {
  DEFAULT_TEXT_KEY,
  TRAINING_DEFAULTS,
  type RunConfiguration,
  type SftConfiguration,
} from '@plumbline/contracts';
import { disposeParameters, forward, fromTensorMap, logits } from '@plumbline/model';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordingContext, type RecordingContext } from '../test-support/recording-context.js';
import {
  CheckpointMismatchError,
  NonFiniteTrainingError,
  pretrain,
  readModelCheckpoint,
  sft,
  type StepOutcome,
} from './index.js';

let directory: string;
let artifacts: ArtifactStore;
let corpus: string;
let data: string;
/** The pretrained model. */
let model: string;

const ANIMALS = ['cat', 'dog', 'owl', 'hen', 'fox'];
const SOUNDS = ['meow', 'woof', 'hoot', 'cluck', 'yap'];

beforeAll(async () => {
  loadTensorFlow({ device: 'cpu' });
  directory = await mkdtemp(join(tmpdir(), 'sft-'));
  artifacts = new FileArtifactStore(join(directory, 'artifacts'));
  corpus = join(directory, 'corpus.txt');
  const documents = Array.from(
    { length: 80 },
    (_, i) => `The ${ANIMALS[i % 5]!} says ${SOUNDS[(i * 3 + 1) % 5]!} and goes home. Number ${i}.`,
  );
  await writeFile(corpus, documents.join('\n\n'));
  data = join(directory, 'rows.jsonl');
  const rows = Array.from({ length: 60 }, (_, i) => ({
    prompt: `${i} The ${ANIMALS[i % 5]!} says`,
    completion: ` ${SOUNDS[i % 5]!}`,
  }));
  await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'));
  model = output(await pretrain(configuration(), {}, recordingContext(artifacts)));
});
afterAll(() => rm(directory, { recursive: true }));

function configuration(
  changes: Partial<SftConfiguration> = {},
  dropout: number | undefined = undefined,
): RunConfiguration {
  return {
    seed: 5,
    inputs: {},
    model: { layers: 1, heads: 2, width: 16, context: 24, vocabulary: 290, ...(dropout && { dropout }) },
    pretrain: {
      ...TRAINING_DEFAULTS,
      textKey: DEFAULT_TEXT_KEY,
      corpus,
      tokens: 12 * 4 * 24,
      batch: 4,
      learningRate: 0.01,
      warmup: 3,
      checkpointEvery: 5,
    },
    sft: {
      ...TRAINING_DEFAULTS,
      data,
      epochs: 2,
      batch: 6,
      learningRate: 0.02,
      warmup: 2,
      longRows: 'refuse',
      checkpointEvery: 4,
      ...changes,
    },
  } as unknown as RunConfiguration;
}

function output(outcome: StepOutcome): string {
  if (outcome.outcome !== 'completed') throw new Error('the step is paused');
  return outcome.outputs['model']!;
}

async function tuned(
  changes: Partial<SftConfiguration> = {},
  context = recordingContext(artifacts),
): Promise<RecordingContext> {
  await sft(configuration(changes), { model }, context);
  return context;
}

const last = (values: [number, number][]): number => values.at(-1)![1];

describe('sft', () => {
  it('learns the completions, and keeps tokenizer and corpus for what follows', async () => {
    const context = await tuned({ epochs: 12 });
    const losses = context.metric('heldOutLoss').map(([, loss]) => loss);
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
    const { id } = context.commits.at(-1)!;
    const checkpoint = await readCheckpoint(artifacts, id);
    const before = await readCheckpoint(artifacts, model);
    expect(checkpoint.references).toMatchObject({ ...before.references, model });
    expect((await readModelCheckpoint(artifacts, id)).model).toEqual(configuration().model);
  });

  it('learns the completions’ tokens and the end alone: prompts and padding change nothing in the loss', async () => {
    const row = { prompt: 'The cat', completion: ' says meow' };
    const file = join(directory, 'one.jsonl');
    // Rows of different lengths, so that one is padded; the split holds one of them out.
    const other = { prompt: 'The owl and the hen', completion: ' hoot' };
    await writeFile(file, [row, other].map((each) => JSON.stringify(each)).join('\n'));
    const context = recordingContext(artifacts);
    const frozen = { data: file, epochs: 1, batch: 1, learningRate: 1e-30, weightDecay: 0 };
    await sft(configuration(frozen), { model }, context);

    const { tokenizer, checkpoint, model: shape } = await readModelCheckpoint(artifacts, model);
    const parameters = fromTensorMap(checkpoint.weights);
    const lossOf = ({ prompt, completion }: typeof row): number => {
      const before = tokenizer.encode(prompt);
      const learned = [...tokenizer.encode(completion), tokenizer.endOfText];
      const tokens = [...before, ...learned];
      const probabilities = tf.tidy(() => {
        const hidden = forward(parameters, shape, tf.tensor2d([tokens.slice(0, -1)], undefined, 'int32'));
        return logits(parameters, hidden).softmax().squeeze([0]).arraySync() as number[][];
      });
      return (
        learned.reduce((sum, token, i) => sum - Math.log(probabilities[before.length - 1 + i]![token]!), 0) /
        learned.length
      );
    };
    const found = [last(context.metric('loss')), last(context.metric('heldOutLoss'))].sort();
    const expected = [lossOf(row), lossOf(other)].sort();
    found.forEach((loss, i) => expect(loss).toBeCloseTo(expected[i]!, 4));
    disposeParameters(parameters);
  });

  it('accumulates micro-batches into the update of the whole batch, weighted by learned tokens', async () => {
    const file = join(directory, 'uneven.jsonl');
    const rows = Array.from({ length: 30 }, (_, i) => ({
      prompt: `${i}`,
      completion: ` ${SOUNDS[i % 5]!}`.repeat(1 + (i % 4)),
    }));
    await writeFile(file, rows.map((row) => JSON.stringify(row)).join('\n'));
    const trained = async (accumulation: number) => {
      const context = await tuned({ data: file, accumulation, epochs: 1 });
      const checkpoint = await readCheckpoint(artifacts, context.commits.at(-1)!.id);
      return {
        weights: Object.values(checkpoint.weights).flatMap(({ data }) => Array.from(data)),
        losses: context.metric('loss'),
        norms: context.metric('gradientNorm'),
      };
    };
    const whole = await trained(1);
    for (const accumulation of [2, 6]) {
      const { weights, losses, norms } = await trained(accumulation);
      expect(losses[0]![1]).toBeCloseTo(whole.losses[0]![1], 5);
      expect(norms[0]![1]).toBeCloseTo(whole.norms[0]![1], 5);
      // Adam makes rounding larger where a gradient is near zero.
      const gap = weights.reduce((most, value, i) => Math.max(most, Math.abs(value - whole.weights[i]!)), 0);
      expect(gap).toBeLessThan(1e-3);
    }
  });

  it('measures at its own cadence where there is one, which changes no weight', async () => {
    const usual = await tuned();
    const often = await tuned({ evaluateEvery: 3 });
    expect(usual.metric('heldOutLoss').map(([index]) => index)).toEqual(
      usual.commits.map(({ index }) => index),
    );
    expect(
      often
        .metric('heldOutLoss')
        .map(([index]) => index)
        .slice(0, 3),
    ).toEqual([3, 6, 9]);
    const blobs = await Promise.all(
      [usual, often].map(
        async ({ commits }) => (await readCheckpoint(artifacts, commits.at(-1)!.id)).weights,
      ),
    );
    expect(blobs[1]).toEqual(blobs[0]);
  });

  it('keeps the tensor count flat', async () => {
    expect(await leakedTensors(async () => void (await tuned({ accumulation: 2 })))).toBe(0);
  });

  it('needs a model, and rows that can be used', async () => {
    const context = recordingContext(artifacts);
    await expect(sft(configuration(), {}, context)).rejects.toThrow('inputs.model: the step needs it');
    const bad = join(directory, 'bad.jsonl');
    await writeFile(bad, '{"prompt":"a","completion":"b"}\n{"prompt":"a"}');
    await expect(tuned({ data: bad })).rejects.toThrow(/^sft\.data: .*bad\.jsonl:2: no key completion/);
  });
});

describe.each([
  ['alone', {}, undefined],
  ['with accumulation and dropout', { accumulation: 3 }, 0.2],
] as const)('exact resume (%s)', (_, changes, dropout) => {
  it.each(['pretrain', 'sft'] as const)(
    '%s ends with the same checkpoints from each of them',
    async (name) => {
      const step = name === 'pretrain' ? pretrain : sft;
      const base = configuration({ ...changes, epochs: 2 }, dropout);
      const settings: RunConfiguration = {
        ...base,
        pretrain: { ...base.pretrain, batch: 6, checkpointEvery: 3, ...changes },
      };
      // Fine-tuning takes dropout from the model that it begins with.
      const from =
        name === 'sft' && dropout ? output(await pretrain(settings, {}, recordingContext(artifacts))) : model;
      const inputs = { model: from };
      const whole = recordingContext(artifacts);
      const result = await step(settings, inputs, whole);
      expect(whole.commits.length).toBeGreaterThan(2);
      for (const [done, { id }] of whole.commits.entries()) {
        const resumed = recordingContext(artifacts, { resumeFrom: id });
        expect(await step(settings, inputs, resumed)).toEqual(result);
        expect(resumed.commits).toEqual(whole.commits.slice(done + 1));
      }
      // Killed after writing, before the commit was acknowledged.
      const killed = recordingContext(artifacts, { dieAfter: 2 });
      await expect(step(settings, inputs, killed)).rejects.toThrow('killed');
      const again = recordingContext(artifacts, { resumeFrom: killed.commits[0]!.id });
      expect(await step(settings, inputs, again)).toEqual(result);
    },
  );
});

describe('a checkpoint that is not of the configured work', () => {
  it('is refused with what differs', async () => {
    const { commits } = await tuned();
    const resumeFrom = commits[0]!.id;
    const resume = (changes: Partial<SftConfiguration>) =>
      tuned(changes, recordingContext(artifacts, { resumeFrom }));
    await expect(resume({ learningRate: 0.03 })).rejects.toThrow(CheckpointMismatchError);
    await expect(resume({ learningRate: 0.03 })).rejects.toThrow(
      `checkpoint ${resumeFrom} cannot be continued: its configuration.sft.learningRate is 0.02, not 0.03 as configured`,
    );
    await expect(pretrain(configuration(), {}, recordingContext(artifacts, { resumeFrom }))).rejects.toThrow(
      'is not of pretraining',
    );
  });

  it('is refused when its state was tampered with', async () => {
    const { commits } = await tuned();
    const checkpoint = await readCheckpoint(artifacts, commits[0]!.id);
    const state = checkpoint.state as { data: object };
    const resumeFrom = await writeCheckpoint(artifacts, {
      ...checkpoint,
      state: { ...state, data: { ...state.data, cursor: 25 } },
    });
    await expect(tuned({}, recordingContext(artifacts, { resumeFrom }))).rejects.toThrow(
      'its state.data.cursor is 25, not 24 as configured',
    );
  });
});

describe('an update that is not finite', () => {
  it('stops training that diverges, with the last good state committed and named', async () => {
    const context = recordingContext(artifacts);
    const diverging = tuned({ learningRate: 1e30, warmup: 0, checkpointEvery: 100 }, context);
    await expect(diverging).rejects.toThrow(NonFiniteTrainingError);
    const { index, id } = context.commits.at(-1)!;
    expect(context.commits).toHaveLength(1);
    await expect(diverging).rejects.toThrow(
      new RegExp(
        `^fine-tuning: update ${index + 1}: loss .*, gradient norm .*${id} \\(${index} updates done\\)`,
      ),
    );
    const { weights, optimizer } = await readCheckpoint(artifacts, id);
    for (const { data: values } of [...Object.values(weights), ...Object.values(optimizer)]) {
      expect(values.every((value) => Number.isFinite(value))).toBe(true);
    }
  });

  it('names a checkpoint that is there already, and writes no other', async () => {
    const whole = await tuned();
    const { id, index } = whole.commits[0]!;
    const checkpoint = await readCheckpoint(artifacts, id);
    const name = 'h.0.mlp.c_fc.bias';
    const poisoned = Float32Array.from(checkpoint.weights[name]!.data);
    poisoned[3] = NaN;
    const resumeFrom = await writeCheckpoint(artifacts, {
      ...checkpoint,
      weights: { ...checkpoint.weights, [name]: { ...checkpoint.weights[name]!, data: poisoned } },
    });
    const context = recordingContext(artifacts, { resumeFrom });
    await expect(tuned({}, context)).rejects.toThrow(
      new RegExp(`update ${index + 1}: loss NaN.*Continue from checkpoint ${resumeFrom}`),
    );
    expect(context.commits).toEqual([]);
  });
});
