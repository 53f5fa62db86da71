import { readCheckpoint } from '@plumbline/artifacts';
import { loadTensorFlow } from '@plumbline/compute';
import type {
  ComparisonSet,
  PreferenceRecord,
  PreferenceSnapshot,
  RewardConfiguration,
  RunConfiguration,
} from '@plumbline/contracts';
import { EAGER_FP32, pretrain, type StepOutcome } from '@plumbline/training';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  cheerfulness,
  recordingContext,
  tinyRun,
  type RecordingContext,
  type TinyRun,
} from '../../test-support/tiny-run.js';
import {
  aggregated,
  comparedResponses,
  heldOutMetrics,
  moments,
  readLabeledComparisons,
  readRewardModel,
  rewardScorer,
  sample,
  scoredPairs,
  trainingResponses,
  trainReward,
} from '../index.js';

/** Comparisons of three responses, each judged twice. */
let run: TinyRun;
let configuration: RunConfiguration;
let inputs: { readonly model: string; readonly comparisons: string; readonly preferences: string };
const LENGTH = 14;
const breathe = () => Promise.resolve();

function output(outcome: StepOutcome, name: string): string {
  if (outcome.outcome !== 'completed') throw new Error('the step paused');
  return outcome.outputs[name]!;
}

/** Op by op: these are runs of few updates. */
function context(options: Parameters<typeof recordingContext>[1] = {}): RecordingContext {
  return { ...recordingContext(run.artifacts, options), plan: EAGER_FP32 };
}

async function trained(
  reward: Partial<RewardConfiguration>,
  options: Parameters<typeof recordingContext>[1] = {},
  given: Partial<typeof inputs> = {},
) {
  const recorded = context(options);
  const outcome = await trainReward(
    { ...configuration, reward: { ...configuration.reward, ...reward } },
    { ...inputs, ...given },
    recorded,
  );
  return { id: output(outcome, 'reward'), commits: recorded.commits, recorded };
}

/** Judgements of every comparison: one by cheerfulness, one by length in words. */
function judgements({ comparisons }: ComparisonSet): PreferenceRecord[] {
  const values = [cheerfulness, (text: string) => text.split(' ').length];
  return comparisons.flatMap(({ key, responses }) =>
    values.map((value, ordinal): PreferenceRecord => {
      const scores = responses.map(({ text }) => value(text));
      const distinct = [...new Set(scores)].sort((a, b) => b - a);
      const ranks = scores.map((score) => 1 + distinct.indexOf(score));
      return distinct.length === 1
        ? { comparison: key, ordinal, outcome: 'tie', ranks: [] }
        : { comparison: key, ordinal, outcome: 'ranked', ranks };
    }),
  );
}

async function snapshotOf(preferences: readonly PreferenceRecord[], comparisons: string): Promise<string> {
  return run.artifacts.putJson({
    kind: 'preference-snapshot',
    comparisons,
    preferences,
  } satisfies PreferenceSnapshot);
}

beforeAll(async () => {
  loadTensorFlow({ device: 'cpu' });
  run = await tinyRun('reward');
  configuration = {
    ...run.configuration,
    pretrain: { ...run.configuration.pretrain, tokens: 16 * 16 * 20 },
    sample: { ...run.configuration.sample, comparisons: 120, heldOut: 40, responsesPerPrompt: 3 },
    reward: { epochs: 2, batch: 16, learningRate: 0.01, checkpointEvery: 5 },
  };
  const model = output(await pretrain(configuration, {}, context()), 'model');
  const comparisons = output(await sample(configuration, { model }, context()), 'comparisons');
  const set = await run.artifacts.getJson<ComparisonSet>(comparisons);
  inputs = { model, comparisons, preferences: await snapshotOf(judgements(set), comparisons) };
}, 120_000);
afterAll(() => rm(run.directory, { recursive: true }));

describe('a reward model of K-way comparisons', () => {
  it('learns from comparisons of as many responses as the configuration wants', async () => {
    const set = await run.artifacts.getJson<ComparisonSet>(inputs.comparisons);
    for (const { responses } of set.comparisons) expect(responses).toHaveLength(3);
    const { recorded, commits } = await trained({});
    // 80 comparisons twice, in batches of 16: an epoch is over comparisons, not pairs or judgements.
    expect(commits.at(-1)!.index).toBe(10);
    const losses = recorded.metric('heldOutLoss');
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
  }, 60_000);

  it('has scores that become the trained log-odds again by what normalisation divided them by', async () => {
    const { id, recorded } = await trained({});
    const model = await readRewardModel(run.artifacts, id);
    const { heldOut } = await readLabeledComparisons(run.artifacts, inputs, model);
    const scorer = rewardScorer(model, LENGTH);
    const scores = await scorer.score(comparedResponses(heldOut), { breathe });
    scorer.dispose();
    const logOdds = scores.map((score) => score * model.deviations[0]!);
    expect(heldOutMetrics(scoredPairs(heldOut, logOdds))['heldOutLoss']).toBeCloseTo(
      recorded.metric('heldOutLoss').at(-1)!,
      4,
    );
    expect(model.deviations[0]).not.toBeCloseTo(1, 2);
  }, 60_000);

  it('refuses options that its judgements hold nothing for', async () => {
    await expect(trained({ margin: 'large' })).rejects.toThrow('reward.margin: no judgement');
    await expect(trained({ labelerWeights: 'equal' })).rejects.toThrow('judgements without a labeler');
  });

  it('takes weights by labeler: one who weighs nothing teaches nothing', async () => {
    const { preferences } = await run.artifacts.getJson<PreferenceSnapshot>(inputs.preferences);
    const named = preferences.map((one) => ({ ...one, labeler: `labeler-${one.ordinal}` }));
    const first = preferences.filter(({ ordinal }) => ordinal === 0);
    const weighted = await trained(
      { labelerWeights: { 'labeler-1': 0 } },
      {},
      {
        preferences: await snapshotOf(named, inputs.comparisons),
      },
    );
    const alone = await trained({}, {}, { preferences: await snapshotOf(first, inputs.comparisons) });
    const weights = async (id: string) => (await readCheckpoint(run.artifacts, id)).weights;
    expect(await weights(weighted.id)).toEqual(await weights(alone.id));
  }, 60_000);
});

describe('an ensemble', () => {
  const settings = { ensemble: 2, aggregation: 'conservative', conservatism: 0.5 } as const;

  it('ends with the same bytes wherever it was interrupted: amid a member, between two, at the end', async () => {
    const whole = await trained(settings);
    expect(whole.commits.map(({ index }) => index)).toEqual([5, 10, 15, 20]);
    for (const [at, { id }] of whole.commits.entries()) {
      const resumed = await trained(settings, { resumeFrom: id });
      expect(resumed.id).toBe(whole.id);
      expect(resumed.commits).toEqual(whole.commits.slice(at + 1));
    }
    await expect(trained({ ...settings, conservatism: 1 }, { resumeFrom: whole.id })).rejects.toThrow(
      'cannot be continued: its configuration.reward.conservatism is 0.5, not 1 as configured',
    );
  }, 120_000);

  it('is normalised as a whole, members apart, the first as it would be alone', async () => {
    const [ensemble, alone] = [await trained(settings), await trained({})];
    expect(ensemble.recorded.metric('ensembleDeviation')[0]!).toBeGreaterThan(0);
    expect(ensemble.recorded.metric('ensembleHeldOutAccuracy')).toHaveLength(1);
    const model = await readRewardModel(run.artifacts, ensemble.id);
    const set = await run.artifacts.getJson<ComparisonSet>(inputs.comparisons);
    const scorer = rewardScorer(model, LENGTH);
    const sequences = trainingResponses(set.comparisons);
    const byMember = await scorer.scoreByMember(sequences, { breathe });
    const { mean, variance } = moments(await scorer.score(sequences, { breathe }));
    scorer.dispose();
    expect(mean).toBeCloseTo(0, 4);
    expect(variance).toBeCloseTo(1, 4);
    expect(moments(aggregated(byMember, { aggregation: 'mean', conservatism: 0 })).mean).toBeGreaterThan(
      0.01,
    );

    const single = (await readRewardModel(run.artifacts, alone.id)).members[0]!;
    const { 'score.weight': head, 'score.bias': _, ...transformer } = model.members[0]!;
    const { 'score.weight': ownHead, 'score.bias': __, ...ownTransformer } = single;
    expect(transformer).toEqual(ownTransformer);
    const gain = head!.data[0]! / ownHead!.data[0]!;
    head!.data.forEach((value, i) => expect(value / gain).toBeCloseTo(ownHead!.data[i]!, 5));
    expect(model.members[1]!['score.weight']!.data).not.toEqual(head!.data);
  }, 120_000);
});
