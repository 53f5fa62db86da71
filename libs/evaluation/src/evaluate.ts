/** The step `evaluate`: what the policy and the reward model are worth on prompts that neither has seen. */
import type { TensorMap } from '@plumbline/artifacts';
import type { EvaluationResult, RunConfiguration } from '@plumbline/contracts';
import {
  bestOf,
  bestOfNKlBound,
  countedProgress,
  readLabeledComparisons,
  readRewardModel,
  responseText,
  rewardScorer,
  sampleResponses,
  trimResponse,
  type RewardModel,
  type RewardScorer,
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
import {
  evenlySpaced,
  policyCheckpoints,
  readPolicyWeights,
  type PolicyCheckpoint,
} from './frontier/policy-checkpoints.js';
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
  const reward = await readRewardModel(artifacts, requiredInput(inputs, 'reward'));
  const { frontier } = settings;
  const checkpoints = evenlySpaced(
    await policyCheckpoints(artifacts, requiredInput(inputs, 'policy')),
    frontier?.checkpoints ?? 1,
  );
  const policies = await Promise.all(
    checkpoints.map(async (checkpoint): Promise<Policy> => ({
      ...checkpoint,
      weights: await readPolicyWeights(artifacts, checkpoint.id, pretrained.model),
    })),
  );
  const policy = policies.at(-1)!;
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
      ...policies.map((one) => ({
        name: sourceOf(one, policy),
        model: pretrained,
        weights: one.weights,
        prompts,
        responsesPerPrompt: one.bestOf,
      })),
    ],
  });
  if (sampled.outcome === 'paused') return sampled;

  const scorer = rewardScorer(reward, sample.promptTokens + sample.responseTokens);
  let result: EvaluationResult;
  try {
    result = await measure(configuration, {
      context,
      prompts,
      pretrained,
      reward,
      scorer,
      pretrainedTokens: sampled.responses['evaluate pretrained']!,
      policies: policies.map((one) => ({ ...one, tokens: sampled.responses[sourceOf(one, policy)]! })),
      ids,
    });
  } finally {
    scorer.dispose();
  }
  return { outcome: 'completed', outputs: { evaluation: await artifacts.putJson(result) } };
};

/** The policy as it was at a checkpoint. */
interface Policy extends PolicyCheckpoint {
  readonly weights: TensorMap;
}

/** Names a policy's responses in checkpoints, and their randomness. */
function sourceOf({ id, index }: PolicyCheckpoint, last: PolicyCheckpoint): string {
  return id === last.id ? 'evaluate policy' : `evaluate policy after ${index} iterations`;
}

interface Material {
  readonly context: StepContext;
  readonly prompts: readonly (readonly number[])[];
  readonly pretrained: ModelCheckpoint;
  readonly reward: RewardModel;
  readonly scorer: RewardScorer;
  /** [prompt][response][token]; the first response of each prompt is the baseline. */
  readonly pretrainedTokens: readonly (readonly (readonly number[])[])[];
  /** Checkpoints of the policy, oldest first; the last is the policy. `tokens` as above. */
  readonly policies: readonly (Policy & { readonly tokens: Material['pretrainedTokens'] })[];
  readonly ids: { readonly comparisons: string; readonly preferences: string };
}

async function measure(configuration: RunConfiguration, material: Material): Promise<EvaluationResult> {
  const { seed, sample, collect, evaluate: settings } = configuration;
  const { context, prompts, pretrained, policies, reward, scorer, ids } = material;
  const { tokenizer } = pretrained;
  const data = await readLabeledComparisons(context.artifacts, ids, pretrained);
  const breathe = countedProgress(context, {
    phase: 'scoring responses',
    total:
      scorer.batches(material.pretrainedTokens.flat().length) +
      policies.reduce((sum, { tokens }) => sum + scorer.batches(tokens.flat().length), 0) +
      policies.filter((one) => one.bestOf === 1).length * klBatches(prompts.length) +
      scorer.batches(qualitySequences(data)),
    unit: 'batches',
  });
  const length = sample.promptTokens + sample.responseTokens;

  const scored = async (tokens: Material['pretrainedTokens']): Promise<Scored[][]> => {
    const sequences = tokens.map((responses, prompt) =>
      responses.map((response) => ({
        promptTokens: prompts[prompt]!,
        responseTokens: trimResponse(response, tokenizer.endOfText),
      })),
    );
    const proxies = await scorer.score(sequences.flat(), { breathe });
    let next = 0;
    return sequences.map((responses) =>
      responses.map((sequence) => {
        const text = responseText(sequence.responseTokens, tokenizer);
        return { sequence, text, gold: goldReward(text), proxy: proxies[next++]! };
      }),
    );
  };
  const fromPretrained = await scored(material.pretrainedTokens);
  const measured: FrontierMaterial['policy'][number][] = [];
  let fromPolicy: readonly Scored[] = [];
  for (const { id, index, bestOf: n, weights, tokens } of policies) {
    fromPolicy = (await scored(tokens)).map((drawn) => drawn[bestOf(drawn.map(({ proxy }) => proxy))]!);
    const kl =
      n > 1
        ? fromPolicy.map(() => bestOfNKlBound(n))
        : await sequenceKl({
            policy: weights,
            reference: pretrained.checkpoint.weights,
            model: pretrained.model,
            sequences: fromPolicy.map(({ sequence }) => sequence),
            length,
            temperature: sample.temperature,
            breathe,
          });
    measured.push({ index, checkpoint: id, responses: fromPolicy, kl });
  }
  const responses = {
    pretrained: fromPretrained.map(([first]) => first!),
    policy: fromPolicy,
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
  const frontier =
    settings.frontier &&
    measureFrontier({
      baseline: responses.pretrained,
      samples: fromPretrained.map(([, ...others]) => others.slice(0, settings.frontier!.samples)),
      policy: measured,
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
      measured.at(-1)!.kl.map((nats) => [nats]),
      options('kl'),
    ),
    bestOfKlBound: bestOfNKlBound(settings.bestOf),
    ...(frontier && { frontier }),
    rewardModel: await rewardModelQuality({
      data,
      reward,
      scoreByMember: (sequences, longest) => scorer.scoreByMember(sequences, { length: longest, breathe }),
      noise: collect.simulatedNoise,
      seed,
    }),
    samples: responses.policy.slice(0, SHOWN_SAMPLES).map((shown, prompt) => ({
      prompt: tokenizer.decode(prompts[prompt]!),
      pretrained: responses.pretrained[prompt]!.text,
      policy: shown.text,
      bestOf: responses.bestOf[prompt]!.text,
      goldPretrained: responses.pretrained[prompt]!.gold,
      goldPolicy: shown.gold,
      goldBestOf: responses.bestOf[prompt]!.gold,
    })),
  };
}
