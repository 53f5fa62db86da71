/** The step `reward`: a reward model, or an ensemble of them, from a preference snapshot. */
import {
  readCheckpoint,
  readCheckpointManifest,
  writeCheckpoint,
  type ArtifactStore,
  type TensorMap,
} from '@plumbline/artifacts';
import { permutation, tf } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { disposeParameters, fromTensorMap, type Parameters } from '@plumbline/model';
import {
  checkResumed,
  compileProgress,
  learningRateAt,
  readModelCheckpoint,
  runTrainingLoop,
  Trainer,
  type DataPosition,
  type LearningRateSchedule,
  type ModelCheckpoint,
  type StepContext,
  type StepFunction,
  requiredInput,
} from '@plumbline/training';
import { countedProgress } from '../counted-progress.js';
import {
  readLabeledComparisons,
  trainingResponses,
  type LabeledComparison,
} from '../preferences/preference-data.js';
import { weightedComparisons } from '../preferences/preference-weights.js';
import { rewardBatch, rewardBatchShape } from './reward-batch.js';
import { aggregated, aggregationOf, joinedMembers, memberWeights } from './reward-ensemble.js';
import { comparedResponses, heldOutMetrics, scoredPairs } from './reward-held-out.js';
import { rewardLoss } from './reward-loss.js';
import { initialRewardModel, normalisedHead, scoreSequences, scoringBatches } from './reward-model.js';
import type { Normalisation } from './reward-scorer.js';
import { longestSequence, type Sequence } from '../sequences.js';
import { moments } from '../rollout/whitening.js';

const MAXIMUM_GRADIENT_NORM = 1;
/** Purpose of the random order of comparisons. */
const ORDER = 'reward judgements';
/** Share of the updates in which the learning rate warms up. */
const WARMUP = 0.05;
/** Share of its peak that the learning rate ends at. */
const FINAL_SHARE = 0.1;
/** Responses whose scores define mean 0 and variance 1. */
const NORMALISATION_RESPONSES = 1024;

/** Everything beside weights and moments that the next update depends on. */
interface RewardState {
  /** Of an ensemble, the member in training; its updates, schedule and data are the ones below. */
  readonly member?: number;
  readonly updates: number;
  readonly schedule: LearningRateSchedule & { readonly next: number };
  readonly data: DataPosition;
}

/** A trained member, its scores normalised. */
interface Normalised {
  readonly weights: TensorMap;
  /** What the trained head's scores were before gain and bias went into it. */
  readonly normalisation: Normalisation;
}

/**
 * Output `reward`: the pretrained transformer with a scalar head (`score.weight`, `score.bias`), trained on the
 * judgements of training comparisons, and normalised to mean 0 and variance 1 on the sampled responses, before and
 * after (Ziegler et al. 2019). The loss is `rewardLoss`: Bradley-Terry over all pairs of a comparison's responses, ties
 * with target ½; "both bad" teaches nothing. A batch is `reward.batch` comparisons with all their judgements.
 *
 * It starts from `inputs.rewardBase` where that is given, a model of another size with the same tokenizer.
 *
 * An ensemble's members are trained one after the other, each from a head and in a data order of its own, and
 * normalised; then all of them get one gain and bias more, so that their aggregate has mean 0 and variance 1. The
 * first is the reward model that would have been trained alone, but for that gain and bias.
 *
 * Metrics: `loss`, `gradientNorm` over updates; `heldOutLoss` (nats a judgement) and `heldOutAccuracy` (ties left out)
 * on the held-out comparisons at checkpoints, of the member in training; of the whole ensemble at the end
 * `ensembleHeldOutAccuracy` and `ensembleDeviation`, the mean standard deviation over members of a normalised score.
 */
export const trainReward: StepFunction = async (configuration, inputs, context) => {
  const { seed, reward: settings } = configuration;
  const ids = {
    model: inputs.rewardBase ?? requiredInput(inputs, 'model'),
    comparisons: requiredInput(inputs, 'comparisons'),
    preferences: requiredInput(inputs, 'preferences'),
  };
  const base = await readModelCheckpoint(context.artifacts, ids.model);
  const { model, checkpoint, tokenizerId } = base;
  if (inputs.rewardBase !== undefined) {
    await checkTokenizer(context.artifacts, requiredInput(inputs, 'model'), base);
  }
  const data = await readLabeledComparisons(context.artifacts, ids, base);
  const train = weightedComparisons(firstComparisons(data.train, settings.comparisons), settings);
  if (train.length === 0)
    throw new Error('inputs.preferences: no judgement of a training comparison says anything');
  const responses = trainingResponses(data.comparisons);
  const length = longestSequence(responses.concat(comparedResponses(data.heldOut)));
  const shape = rewardBatchShape(train, length);
  const sample = evenly(responses, NORMALISATION_RESPONSES);
  const normalise = async (weights: TensorMap): Promise<Normalised> => {
    const scores = await scored(weights, model, sample, length, context);
    return normalisedBy(weights, scores);
  };

  const aggregation = aggregationOf(settings);
  const members = aggregation.ensemble;
  const perMember = Math.max(1, Math.ceil((settings.epochs * train.length) / settings.batch));
  const total = members * perMember;
  const place = (done: number): { member: number; updates: number } => {
    const member = Math.min(Math.floor(done / perMember), members - 1);
    return { member, updates: done - member * perMember };
  };
  const schedule: LearningRateSchedule = {
    kind: 'cosine',
    peak: settings.learningRate,
    warmup: Math.round(perMember * WARMUP),
    total: perMember,
    finalShare: FINAL_SHARE,
  };
  const order = epochOrder(seed, train.length);
  const manifest = { seed, model, reward: settings };
  const references = { tokenizer: tokenizerId, ...ids };
  /** The state after `done` updates. */
  const stateAt = (done: number): RewardState => {
    const { member, updates } = place(done);
    const cursor = updates * settings.batch;
    return {
      ...(members > 1 && { member }),
      updates,
      schedule: { ...schedule, next: learningRateAt(updates, schedule) },
      data: {
        cursor,
        purpose: orderPurpose(member),
        pass: Math.floor(cursor / train.length),
        position: cursor % train.length,
      },
    };
  };
  const initialWeights = async (member: number): Promise<TensorMap> =>
    (await normalise(initialRewardModel(checkpoint.weights, model.width, seed, member))).weights;

  const start =
    context.resumeFrom === null ? null : await readCheckpoint(context.artifacts, context.resumeFrom);
  const finished: Normalised[] = [];
  let current: TensorMap | null = null;
  if (start) {
    const { normalised, ...state } = start.state as RewardState & { normalised: unknown };
    checkResumed(start.id, 'configuration', start.configuration, manifest);
    checkResumed(start.id, 'references', start.references, references);
    checkResumed(start.id, 'state', state, { ...stateAt(start.index) });
    const { member, updates } = place(start.index);
    const normalisations = members > 1 ? (normalised as readonly Normalisation[]) : [];
    for (let earlier = 0; earlier < member; earlier++) {
      const weights = memberWeights(start.weights, earlier);
      finished.push({ weights, normalisation: normalisations[earlier]! });
    }
    if (updates > 0) current = memberWeights(start.weights, member);
  }
  const from = start?.index ?? 0;
  const trainer = new Trainer({
    loss: (parameters, batch) => rewardLoss(parameters, model, batch, settings),
    adamW: { weightDecay: 0 },
    maximumGradientNorm: MAXIMUM_GRADIENT_NORM,
    meanOverRows: true,
    weights: current ?? (await initialWeights(place(from).member)),
    optimizer: current ? start?.optimizer : undefined,
    updates: place(from).updates,
    plan: context.plan,
    onCompile: compileProgress(context, { done: from, total, unit: 'updates' }),
  });
  try {
    const result = await runTrainingLoop({
      context,
      phase: 'training the reward model',
      unit: 'updates',
      from,
      total,
      checkpointEvery: settings.checkpointEvery,
      update: async (index) => {
        const { member, updates } = place(index);
        if (updates === 0 && index > from) trainer.restart(await initialWeights(member));
        const first = updates * settings.batch;
        const comparisons = Array.from(
          { length: settings.batch },
          (_, i) => train[order(member, first + i)]!,
        );
        const batch = rewardBatch(comparisons, shape);
        const metrics = trainer.update(batch, learningRateAt(updates, schedule));
        tf.dispose(Object.values(batch));
        if (updates + 1 === perMember) finished.push(await normalise(trainer.snapshot().weights));
        return metrics;
      },
      checkpoint: async (done) => {
        const { weights, optimizer } = trainer.snapshot();
        // A member has just ended (and is the last of `finished`); the next one's first weights follow from the seed.
        const isBetween = done > 0 && done % perMember === 0;
        const held = await heldOutScores(trainer.parameters, model, data.heldOut, length, context);
        const metrics = heldOutMetrics(scoredPairs(data.heldOut, held));
        const parts =
          done === total && members > 1
            ? await normalisedTogether(finished)
            : { members: finished, metrics: {} };
        const normalisations = parts.members.map(({ normalisation }) => normalisation);
        const id = await writeCheckpoint(context.artifacts, {
          step: 'reward',
          index: done,
          configuration: manifest,
          weights: joinedMembers([
            ...parts.members.map((member) => member.weights),
            ...(isBetween ? [] : [weights]),
          ]),
          optimizer: isBetween && done < total ? {} : optimizer,
          state: {
            ...stateAt(done),
            normalised: members > 1 ? normalisations : (normalisations[0] ?? null),
          },
          references,
        });
        return { id, metrics: { ...metrics, ...parts.metrics } };
      },
    });
    return result.outcome === 'paused'
      ? result
      : { outcome: 'completed', outputs: { reward: result.checkpoint } };
  } finally {
    trainer.dispose();
  }

  /** All members with one gain and bias more: their aggregate has mean 0 and variance 1. */
  async function normalisedTogether(
    parts: readonly Normalised[],
  ): Promise<{ members: readonly Normalised[]; metrics: Readonly<Record<string, number>> }> {
    const scoresOf = async (sequences: readonly Sequence[]): Promise<Float32Array[]> => {
      const scores: Float32Array[] = [];
      for (const { weights } of parts) scores.push(await scored(weights, model, sequences, length, context));
      return scores;
    };
    const scores = await scoresOf(sample);
    const aggregate = aggregated(scores, aggregation);
    const held = aggregated(await scoresOf(comparedResponses(data.heldOut)), aggregation);
    const { heldOutAccuracy } = heldOutMetrics(scoredPairs(data.heldOut, held));
    return {
      members: parts.map(({ weights, normalisation: own }) => {
        const { weights: joint, normalisation: after } = normalisedBy(weights, aggregate);
        return {
          weights: joint,
          normalisation: {
            mean: own.mean + after.mean * own.deviation,
            deviation: own.deviation * after.deviation,
          },
        };
      }),
      metrics: {
        ...(heldOutAccuracy !== undefined && { ensembleHeldOutAccuracy: heldOutAccuracy }),
        ensembleDeviation: disagreement(scores),
      },
    };
  }
};

function orderPurpose(member: number): string {
  return member === 0 ? ORDER : `${ORDER} member ${member}`;
}

/** Index of the comparison at a cursor that runs through all of them again and again, each epoch in an order of its own. */
function epochOrder(seed: number, size: number): (member: number, cursor: number) => number {
  let present = '';
  let order = new Int32Array();
  return (member, cursor) => {
    const purpose = `${orderPurpose(member)} pass ${Math.floor(cursor / size)}`;
    if (purpose !== present) {
      present = purpose;
      order = permutation(seed, purpose, size) as Int32Array<ArrayBuffer>;
    }
    return order[cursor % size]!;
  };
}

function normalisedBy(weights: TensorMap, scores: ArrayLike<number>): Normalised {
  const { mean, variance } = moments(scores);
  return {
    weights: normalisedHead(weights, scores),
    normalisation: { mean, deviation: Math.sqrt(variance) },
  };
}

/** Mean over sequences of the standard deviation over members. */
function disagreement(scores: readonly Float32Array[]): number {
  const deviations = Array.from(scores[0]!, (_, sequence) =>
    Math.sqrt(moments(scores.map((member) => member[sequence]!)).variance),
  );
  return moments(deviations).mean;
}

async function scored(
  weights: TensorMap,
  model: ModelConfiguration,
  sequences: readonly Sequence[],
  length: number,
  context: StepContext,
): Promise<Float32Array> {
  const parameters = fromTensorMap(weights);
  try {
    return await scoreSequences(parameters, model, sequences, {
      length,
      breathe: scoringProgress(context, 'normalising the reward model', sequences),
    });
  } finally {
    disposeParameters(parameters);
  }
}

function heldOutScores(
  parameters: Parameters,
  model: ModelConfiguration,
  heldOut: readonly LabeledComparison[],
  length: number,
  context: StepContext,
): Promise<Float32Array> {
  const sequences = comparedResponses(heldOut);
  return scoreSequences(parameters, model, sequences, {
    length,
    breathe: scoringProgress(context, 'measuring on held-out comparisons', sequences),
  });
}

function scoringProgress(
  context: StepContext,
  phase: string,
  sequences: readonly Sequence[],
): () => Promise<void> {
  return countedProgress(context, { phase, total: scoringBatches(sequences.length), unit: 'batches' });
}

/**
 * The first comparisons by key, whose order is random: fewer of them are among more.
 * @throws Error when there are not so many
 */
function firstComparisons(
  comparisons: readonly LabeledComparison[],
  count = comparisons.length,
): readonly LabeledComparison[] {
  if (count > comparisons.length) {
    throw new Error(
      `reward.comparisons: ${count} to learn from; inputs.preferences judges ${comparisons.length} training comparisons`,
    );
  }
  return comparisons.slice(0, count);
}

/** A reward model reads the tokens that the model wrote. @throws Error when it would read them as others */
async function checkTokenizer(
  artifacts: ArtifactStore,
  model: string,
  base: Pick<ModelCheckpoint, 'id' | 'tokenizerId'>,
): Promise<void> {
  const { references } = await readCheckpointManifest(artifacts, model);
  if (references['tokenizer'] === base.tokenizerId) return;
  throw new Error(`inputs.rewardBase: checkpoint ${base.id} has another tokenizer than checkpoint ${model}`);
}

/** At most `limit` items, evenly spread. */
function evenly<T>(items: readonly T[], limit: number): T[] {
  const count = Math.min(limit, items.length);
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);
}
