/** The step `evaluate`: what the policy and the reward model are worth on prompts that neither has seen. */
import { readCheckpointWeights, type TensorMap } from '@plumbline/artifacts';
import type { EvaluationResult, RunConfiguration } from '@plumbline/contracts';
import { fromTensorMap, disposeParameters, scalarHeadShapes, type Parameters } from '@plumbline/model';
import {
  bestOf,
  bestOfNKlBound,
  countedProgress,
  policyWeights,
  readPreferenceData,
  responseText,
  sampleResponses,
  scoreSequences,
  scoringBatches,
  trimResponse,
  valueShapes,
  type Sequence,
} from '@plumbline/rlhf';
import {
  readModelCheckpoint,
  readModelPrompts,
  type ModelCheckpoint,
  type StepContext,
  type StepFunction,
  requiredInput,
} from '@plumbline/training';
import { estimateMean, estimateWinRate, type BootstrapOptions } from './estimates.js';
import { measureFrontier, type FrontierMaterial } from './frontier/measure-frontier.js';
import { evenlySpaced, policyCheckpoints, type PolicyCheckpoint } from './frontier/policy-checkpoints.js';
import { goldReward } from './gold/index.js';
import { klBatches, sequenceKl } from './sequence-kl.js';
import { qualitySequences, rewardModelQuality } from './reward-model-quality.js';

/** Samples shown side by side in the report: those of the first prompts, unselected. */
const SHOWN_SAMPLES = 8;

/** A response to an evaluation prompt and what it is worth. */
interface Scored {
  readonly sequence: Sequence;
  readonly text: string;
  readonly gold: number;
  readonly proxy: number;
}

/**
 * Output `evaluation`: an `EvaluationResult`. On `evaluate.prompts` windows of held-out documents: one response of the
 * pretrained model, one of the policy, and the best of n other responses of the pretrained model by the reward model
 * (others, so that the baseline competes with none of its own), all at the training temperature. For the frontier, also
 * one response of each of some earlier checkpoints of the policy, and more of the pretrained model to choose from.
 */
export const evaluate: StepFunction = async (configuration, inputs, context) => {
  const { seed, sample, evaluate: settings } = configuration;
  const { artifacts } = context;
  const ids = {
    comparisons: requiredInput(inputs, 'comparisons'),
    preferences: requiredInput(inputs, 'preferences'),
  };
  const pretrained = await readModelCheckpoint(artifacts, requiredInput(inputs, 'model'));
  const heads = scalarHeadShapes(pretrained.model.width);
  const reward = await readModelCheckpoint(artifacts, requiredInput(inputs, 'reward'), heads);
  const policy = await readModelCheckpoint(
    artifacts,
    requiredInput(inputs, 'policy'),
    valueShapes(pretrained.model),
  );
  const { frontier } = settings;
  const checkpoints = frontier
    ? evenlySpaced(await policyCheckpoints(artifacts, policy.id), frontier.checkpoints)
    : [];
  const earlier = await Promise.all(
    checkpoints
      .filter(({ id }) => id !== policy.id)
      .map(async (checkpoint): Promise<EarlierPolicy> => ({
        ...checkpoint,
        weights: policyWeights(await readCheckpointWeights(artifacts, checkpoint.id)),
      })),
  );
  const others = Math.max(settings.bestOf, frontier?.samples ?? 0);
  const prompts = await readModelPrompts(context, pretrained, {
    purpose: 'evaluate',
    count: settings.prompts,
    length: sample.promptTokens,
    seed,
  });

  const sampled = await sampleResponses({
    context,
    step: 'evaluate',
    manifest: {
      seed,
      model: pretrained.model,
      sample,
      evaluate: settings,
      corpusId: pretrained.checkpoint.references['corpus'],
    },
    references: {
      tokenizer: pretrained.tokenizerId,
      model: pretrained.id,
      reward: reward.id,
      policy: policy.id,
      ...ids,
    },
    seed,
    responseTokens: sample.responseTokens,
    temperature: sample.temperature,
    endOfText: pretrained.tokenizer.endOfText,
    sources: [
      {
        name: 'evaluate pretrained',
        model: pretrained,
        weights: pretrained.checkpoint.weights,
        prompts,
        responsesPerPrompt: 1 + others,
      },
      {
        name: 'evaluate policy',
        model: policy,
        weights: policyWeights(policy.checkpoint.weights),
        prompts,
        responsesPerPrompt: 1,
      },
      ...earlier.map((checkpoint) => ({
        name: sourceOf(checkpoint),
        model: policy,
        weights: checkpoint.weights,
        prompts,
        responsesPerPrompt: 1,
      })),
    ],
  });
  if (sampled.outcome === 'paused') return sampled;

  const rewardParameters = fromTensorMap(reward.checkpoint.weights);
  let result: EvaluationResult;
  try {
    result = await measure(configuration, {
      context,
      prompts,
      pretrained,
      policy,
      reward,
      rewardParameters,
      pretrainedTokens: sampled.responses['evaluate pretrained']!,
      policyTokens: sampled.responses['evaluate policy']!,
      earlier: earlier.map((checkpoint) => ({
        ...checkpoint,
        tokens: sampled.responses[sourceOf(checkpoint)]!,
      })),
      ids,
    });
  } finally {
    disposeParameters(rewardParameters);
  }
  return { outcome: 'completed', outputs: { evaluation: await artifacts.putJson(result) } };
};

/** The policy as it was at an earlier checkpoint. */
interface EarlierPolicy extends PolicyCheckpoint {
  readonly weights: TensorMap;
}

/** Names its responses in checkpoints, and their randomness. */
function sourceOf({ index }: PolicyCheckpoint): string {
  return `evaluate policy after ${index} iterations`;
}

interface Material {
  readonly context: StepContext;
  readonly prompts: readonly (readonly number[])[];
  readonly pretrained: ModelCheckpoint;
  readonly policy: ModelCheckpoint;
  readonly reward: ModelCheckpoint;
  readonly rewardParameters: Parameters;
  /** [prompt][response][token]; the first response of each prompt is the baseline. */
  readonly pretrainedTokens: readonly (readonly (readonly number[])[])[];
  readonly policyTokens: readonly (readonly (readonly number[])[])[];
  readonly earlier: readonly (EarlierPolicy & { readonly tokens: Material['policyTokens'] })[];
  readonly ids: { readonly comparisons: string; readonly preferences: string };
}

async function measure(configuration: RunConfiguration, material: Material): Promise<EvaluationResult> {
  const { seed, sample, collect, evaluate: settings } = configuration;
  const { context, prompts, pretrained, policy, reward, rewardParameters, earlier, ids } = material;
  const { tokenizer } = pretrained;
  const data = await readPreferenceData(context.artifacts, ids);
  const breathe = countedProgress(context, {
    phase: 'scoring responses',
    total:
      scoringBatches(material.pretrainedTokens.flat().length) +
      (1 + earlier.length) * (scoringBatches(prompts.length) + klBatches(prompts.length)) +
      scoringBatches(qualitySequences(data)),
    unit: 'batches',
  });
  const length = sample.promptTokens + sample.responseTokens;
  const score = (sequences: readonly Sequence[], longest: number): Promise<Float32Array> =>
    scoreSequences(rewardParameters, reward.model, sequences, { length: longest, breathe });

  const scored = async (tokens: Material['policyTokens']): Promise<Scored[][]> => {
    const sequences = tokens.map((responses, prompt) =>
      responses.map((response) => ({
        promptTokens: prompts[prompt]!,
        responseTokens: trimResponse(response, tokenizer.endOfText),
      })),
    );
    const proxies = await score(sequences.flat(), length);
    let next = 0;
    return sequences.map((responses) =>
      responses.map((sequence) => {
        const text = responseText(sequence.responseTokens, tokenizer);
        return { sequence, text, gold: goldReward(text), proxy: proxies[next++]! };
      }),
    );
  };
  const fromPretrained = await scored(material.pretrainedTokens);
  const responses = {
    pretrained: fromPretrained.map(([first]) => first!),
    policy: (await scored(material.policyTokens)).map(([only]) => only!),
    bestOf: fromPretrained.map((all) => {
      const others = all.slice(1, 1 + settings.bestOf);
      return others[bestOf(others.map(({ proxy }) => proxy))]!;
    }),
  };

  const options = (purpose: string): BootstrapOptions => ({ seed, purpose });
  const means = (value: 'gold' | 'proxy'): EvaluationResult['goldReward'] => {
    const mean = (who: keyof typeof responses) =>
      estimateMean(
        responses[who].map((response) => [response[value]]),
        options(`${value} reward ${who}`),
      );
    return { pretrained: mean('pretrained'), policy: mean('policy'), bestOf: mean('bestOf') };
  };
  const golds = (who: keyof typeof responses): number[] => responses[who].map(({ gold }) => gold);
  const klOf = (weights: TensorMap, sampled: readonly Scored[]): Promise<number[]> =>
    sequenceKl({
      policy: weights,
      reference: pretrained.checkpoint.weights,
      model: pretrained.model,
      sequences: sampled.map(({ sequence }) => sequence),
      length,
      temperature: sample.temperature,
      breathe,
    });
  const kl = await klOf(policyWeights(policy.checkpoint.weights), responses.policy);
  const before: FrontierMaterial['policy'][number][] = [];
  for (const { id, index, weights, tokens } of earlier) {
    const sampled = (await scored(tokens)).map(([only]) => only!);
    before.push({ index, checkpoint: id, responses: sampled, kl: await klOf(weights, sampled) });
  }
  const frontier =
    settings.frontier &&
    measureFrontier({
      baseline: responses.pretrained,
      samples: fromPretrained.map(([, ...others]) => others.slice(0, settings.frontier!.samples)),
      policy: [
        ...before,
        { index: policy.checkpoint.index, checkpoint: policy.id, responses: responses.policy, kl },
      ],
      seed,
    });

  return {
    kind: 'evaluation',
    prompts: prompts.length,
    bestOf: settings.bestOf,
    goldReward: means('gold'),
    proxyReward: means('proxy'),
    goldWinRate: {
      policy: estimateWinRate(golds('policy'), golds('pretrained'), options('gold win rate policy')),
      bestOf: estimateWinRate(golds('bestOf'), golds('pretrained'), options('gold win rate best of')),
    },
    kl: estimateMean(
      kl.map((nats) => [nats]),
      options('kl'),
    ),
    bestOfKlBound: bestOfNKlBound(settings.bestOf),
    ...(frontier && { frontier }),
    rewardModel: await rewardModelQuality({
      data,
      score,
      noise: collect.simulatedNoise,
      seed,
    }),
    samples: responses.policy.slice(0, SHOWN_SAMPLES).map((fromPolicy, prompt) => ({
      prompt: tokenizer.decode(prompts[prompt]!),
      pretrained: responses.pretrained[prompt]!.text,
      policy: fromPolicy.text,
      bestOf: responses.bestOf[prompt]!.text,
      goldPretrained: responses.pretrained[prompt]!.gold,
      goldPolicy: fromPolicy.gold,
      goldBestOf: responses.bestOf[prompt]!.gold,
    })),
  };
}
