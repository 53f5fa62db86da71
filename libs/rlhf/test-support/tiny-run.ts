/** A run small enough for unit tests: its configuration, a corpus, a worker's view of a step, judgements. */
import { uniform } from '@plumbline/compute';
import { FileArtifactStore, type ArtifactStore } from '@plumbline/artifacts';
import {
  DEFAULT_TEXT_KEY,
  TRAINING_DEFAULTS,
  type ComparisonSet,
  type PreferenceRecord,
  type PreferenceSnapshot,
  type RunConfiguration,
  type SampledComparison,
} from '@plumbline/contracts';
import { COMPILED_FP32, type StepContext, type StepProgress } from '@plumbline/training';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TinyRun {
  readonly directory: string;
  readonly artifacts: ArtifactStore;
  readonly configuration: RunConfiguration;
}

/** A temporary folder with a corpus of simple sentences, and a configuration on it. The caller removes the folder. */
export async function tinyRun(name: string): Promise<TinyRun> {
  const directory = await mkdtemp(join(tmpdir(), `${name}-`));
  const corpus = join(directory, 'corpus.txt');
  const who = ['cat', 'dog', 'owl', 'hen', 'fox', 'bee', 'elk'];
  const does = ['sees', 'hears', 'meets', 'finds', 'likes', 'leads'];
  const how = ['good', 'bad', 'happy', 'sad', 'calm'];
  const documents = Array.from({ length: 150 }, (_, i) =>
    Array.from({ length: 30 }, (_, j) => {
      const pick = (words: readonly string[], place: string): string =>
        words[Math.floor(uniform(9, `corpus ${place}`, 100 * i + j) * words.length)]!;
      const subject = `${pick(how, 'how 1')} ${pick(who, 'who 1')}`;
      return `The ${subject} ${pick(does, 'does')} the ${pick(how, 'how 2')} ${pick(who, 'who 2')}.`;
    }).join(' '),
  );
  await writeFile(corpus, documents.map((text, i) => `${text} Number ${i}.`).join('\n\n'));
  return {
    directory,
    artifacts: new FileArtifactStore(join(directory, 'artifacts')),
    configuration: {
      name,
      seed: 3,
      inputs: {},
      model: { layers: 1, heads: 2, width: 16, context: 16, vocabulary: 300 },
      pretrain: {
        ...TRAINING_DEFAULTS,
        textKey: DEFAULT_TEXT_KEY,
        corpus,
        tokens: 120 * 16 * 16,
        batch: 16,
        learningRate: 0.01,
        warmup: 5,
        checkpointEvery: 500,
      },
      sample: {
        promptTokens: 6,
        responseTokens: 8,
        responsesPerPrompt: 2,
        comparisons: 600,
        temperature: 0.9,
        heldOut: 200,
      },
      collect: { judgementsPerComparison: 1, guideline: '', simulatedNoise: 0.3 },
      reward: { epochs: 6, batch: 32, learningRate: 0.01, checkpointEvery: 40 },
      optimise: {
        algorithm: 'ppo',
        episodes: 8 * 32,
        batch: 32,
        epochs: 2,
        minibatches: 2,
        learningRate: 3e-3,
        clip: 0.2,
        valueClip: 0.2,
        valueCoefficient: 0.5,
        gamma: 1,
        lambda: 0.95,
        whitenRewards: false,
        kl: { controller: 'adaptive', coefficient: 0.05, target: 4, horizon: 1000 },
        checkpointEvery: 3,
      },
      evaluate: { prompts: 70, bestOf: 3 },
    },
  };
}

export interface RecordingContext extends StepContext {
  readonly commits: { index: number; id: string }[];
  readonly reports: StepProgress[];
  /** Every value reported under the name, in order. */
  metric(name: string): number[];
}

/** A worker's view of a step: remembers commits and reports; pauses, or dies in the commit, after a number of them. */
export function recordingContext(
  artifacts: ArtifactStore,
  options: { resumeFrom?: string | null; pauseAfter?: number; dieAfter?: number } = {},
): RecordingContext {
  const commits: { index: number; id: string }[] = [];
  const reports: StepProgress[] = [];
  return {
    commits,
    reports,
    metric: (name) => reports.flatMap(({ metrics }) => metrics?.values[name] ?? []),
    artifacts,
    plan: COMPILED_FP32,
    resumeFrom: options.resumeFrom ?? null,
    progress: (report) => void reports.push(report),
    commit: (checkpoint) => {
      commits.push(checkpoint);
      return commits.length === options.dieAfter ? Promise.reject(new Error('killed')) : Promise.resolve();
    },
    shouldPause: () => commits.length === options.pauseAfter,
    breathe: () => Promise.resolve(),
  };
}

/** Judges a comparison set without noise: the higher score is preferred, equal ones are a tie. */
export async function judgeBy(
  artifacts: ArtifactStore,
  comparisons: string,
  score: (text: string) => number,
): Promise<string> {
  const set = await artifacts.getJson<ComparisonSet>(comparisons);
  const snapshot: PreferenceSnapshot = {
    kind: 'preference-snapshot',
    comparisons,
    preferences: set.comparisons
      .map((comparison) => judgement(comparison, score))
      .sort((a, b) => (a.comparison < b.comparison ? -1 : 1)),
  };
  return artifacts.putJson(snapshot);
}

function judgement({ key, responses }: SampledComparison, score: (text: string) => number): PreferenceRecord {
  const scores = responses.map(({ text }) => score(text));
  if (scores.every((value) => value === scores[0])) {
    return { comparison: key, ordinal: 0, outcome: 'tie', ranks: [] };
  }
  const ranks = scores.map((value) => 1 + scores.filter((other) => other > value).length);
  return { comparison: key, ordinal: 0, outcome: 'ranked', ranks };
}

/** How good and happy a text is, by words. */
export function cheerfulness(text: string): number {
  return (text.match(/good|happy/g) ?? []).length - (text.match(/bad|sad/g) ?? []).length;
}
