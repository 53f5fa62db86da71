/** The step `optimise`: PPO on the policy against the reward model, held near the pretrained model. */
import { readCheckpoint, writeCheckpoint } from '@plumbline/artifacts';
import { permutation, tf } from '@plumbline/compute';
import type { OptimiseConfiguration } from '@plumbline/contracts';
import { createGenerator, responseUniforms } from '@plumbline/generation';
import { disposeParameters, fromTensorMap, scalarHeadShapes } from '@plumbline/model';
import {
  checkResumed,
  compileProgress,
  readModelCheckpoint,
  readModelPrompts,
  runTrainingLoop,
  Trainer,
  type Batch,
  type StepFunction,
  type UpdateMetrics,
  requiredInput,
} from '@plumbline/training';
import { initialActorCritic, policyWeights } from './actor-critic.js';
import { nextKlCoefficient } from './kl-controller.js';
import { ppoLoss } from './ppo-loss.js';
import { collectRollout, type Rollout } from './rollout.js';
import { moments } from './whitening.js';

const MAXIMUM_GRADIENT_NORM = 1;

/** What changes from iteration to iteration beside weights and moments. */
interface OptimiserState {
  readonly iterations: number;
  /** KL coefficient β of the next iteration. */
  readonly beta: number;
  /** Prompts used: the next iteration begins with this one; its rollouts' random streams are numbered alike. */
  readonly promptCursor: number;
  /** Of policy and value network, `epochs` × `minibatches` an iteration; Adam's t. */
  readonly updates: number;
  /** Linear to 0; `next`: of the next iteration. */
  readonly schedule: { readonly peak: number; readonly total: number; readonly next: number };
}

/**
 * Output `policy`: the last checkpoint; it holds the policy under the transformer's names and the value network under
 * `value.`.
 *
 * PPO as Ziegler et al. (2019) and Stiennon et al. (2020) ran it, read beside "The N implementation details of RLHF
 * with PPO": a KL penalty on every token and the score on the last; a value network of its own, started from the
 * reward model; GAE; whitened advantages; clipped policy and value losses; learning rate linear to 0; β adapted to the
 * measured KL (k1, nats per sequence). The rows of a minibatch stay together in all epochs: they are random already,
 * and the first epoch's old log-probabilities then come from a call of the same shape.
 *
 * Metrics are named as TRL names them.
 */
export const optimise: StepFunction = async (configuration, inputs, context) => {
  const { seed, sample, optimise: settings } = configuration;
  const pretrained = await readModelCheckpoint(context.artifacts, requiredInput(inputs, 'model'));
  const { model, tokenizer } = pretrained;
  const reward = await readModelCheckpoint(
    context.artifacts,
    requiredInput(inputs, 'reward'),
    scalarHeadShapes(model.width),
  );
  const total = Math.ceil(settings.episodes / settings.batch);
  const prompts = await readModelPrompts(context, pretrained, {
    purpose: 'optimise',
    count: total * settings.batch,
    length: sample.promptTokens,
    seed,
  });

  const start =
    context.resumeFrom === null ? null : await readCheckpoint(context.artifacts, context.resumeFrom);
  const updatesPerIteration = settings.epochs * settings.minibatches;
  const stateAt = (iterations: number, beta: number): OptimiserState => ({
    iterations,
    beta,
    promptCursor: iterations * settings.batch,
    updates: iterations * updatesPerIteration,
    schedule: {
      peak: settings.learningRate,
      total,
      next: settings.learningRate * (1 - iterations / total),
    },
  });
  const manifest = {
    seed,
    model,
    sample,
    optimise: settings,
    corpusId: pretrained.checkpoint.references['corpus'],
  };
  const references = { tokenizer: pretrained.tokenizerId, model: pretrained.id, reward: reward.id };
  let state = stateAt(0, settings.kl.coefficient);
  if (start) {
    const found = start.state as OptimiserState;
    checkResumed(start.id, 'configuration', start.configuration, manifest);
    checkResumed(start.id, 'references', start.references, references);
    checkResumed(start.id, 'state', found, stateAt(start.index, found.beta));
    state = found;
  }
  const trainer = new Trainer({
    loss: (parameters, batch) =>
      ppoLoss(parameters, model, batch, {
        ...settings,
        promptLength: sample.promptTokens,
        temperature: sample.temperature,
      }),
    adamW: { weightDecay: 0 },
    maximumGradientNorm: MAXIMUM_GRADIENT_NORM,
    weights: start?.weights ?? initialActorCritic(pretrained.checkpoint.weights, reward.checkpoint.weights),
    optimizer: start?.optimizer,
    updates: state.updates,
    plan: context.plan,
    onCompile: compileProgress(context, { done: state.iterations, total, unit: 'iterations' }),
  });
  const generator = await createGenerator(
    model,
    policyWeights(start?.weights ?? pretrained.checkpoint.weights),
    {
      engine: context.plan.generation,
      threads: context.plan.threads,
    },
  );
  const reference = fromTensorMap(pretrained.checkpoint.weights);
  const rewardParameters = fromTensorMap(reward.checkpoint.weights);
  const breathe = (): Promise<void> => context.breathe();
  try {
    const result = await runTrainingLoop({
      context,
      phase: 'optimising the policy',
      unit: 'iterations',
      from: state.iterations,
      total,
      checkpointEvery: settings.checkpointEvery,
      update: async (iteration) => {
        const { beta, promptCursor } = state;
        const rows = Array.from({ length: settings.batch }, (_, row) => promptCursor + row);
        const rollout = await collectRollout(
          {
            model,
            trainer,
            reference,
            generator,
            rewardModel: { model: reward.model, parameters: rewardParameters },
          },
          {
            prompts: rows.map((row) => prompts[row]!),
            responseTokens: sample.responseTokens,
            temperature: sample.temperature,
            uniforms: responseUniforms(seed, 'rollouts', rows, sample.responseTokens),
            endOfText: tokenizer.endOfText,
            minibatch: settings.batch / settings.minibatches,
            beta,
            settings,
            breathe,
          },
        );
        const learningRate = state.schedule.next;
        const updates: UpdateMetrics[] = [];
        for (let epoch = 0; epoch < settings.epochs; epoch++) {
          const purpose = `minibatches iteration ${iteration} epoch ${epoch}`;
          for (const minibatch of permutation(seed, purpose, settings.minibatches)) {
            const batch = ppoBatch(rollout, minibatch, settings);
            updates.push(trainer.update(batch, learningRate));
            tf.dispose(Object.values(batch));
            await breathe();
          }
        }
        const kl = rollout.metrics['objective/kl'];
        state = stateAt(iteration + 1, nextKlCoefficient(settings.kl, beta, kl, settings.batch));
        return { ...rollout.metrics, ...updateMetrics(updates), lr: learningRate, beta };
      },
      checkpoint: async (done) => ({
        id: await writeCheckpoint(context.artifacts, {
          step: 'optimise',
          index: done,
          configuration: manifest,
          ...trainer.snapshot(),
          state,
          references,
        }),
      }),
      // The first updates of an iteration leave a state that none of the checkpoints has.
      isWhole: () => trainer.updates === state.updates,
    });
    return result.outcome === 'paused'
      ? result
      : { outcome: 'completed', outputs: { policy: result.checkpoint } };
  } finally {
    await generator.dispose();
    disposeParameters(reference);
    disposeParameters(rewardParameters);
    trainer.dispose();
  }
};

/** Rows of one minibatch, as `ppoLoss` wants them. */
function ppoBatch(rollout: Rollout, minibatch: number, { batch, minibatches }: OptimiseConfiguration): Batch {
  const rows = batch / minibatches;
  const from = minibatch * rows;
  const matrix = (values: Float32Array): tf.Tensor2D => {
    const width = rollout.responseTokens;
    return tf.tensor2d(values.subarray(from * width, (from + rows) * width), [rows, width]);
  };
  const { length } = rollout;
  return {
    tokens: tf.tensor2d(
      rollout.tokens.subarray(from * length, (from + rows) * length),
      [rows, length],
      'int32',
    ),
    responseMask: matrix(rollout.responseMask),
    oldLogProbabilities: matrix(rollout.oldLogProbabilities),
    oldValues: matrix(rollout.oldValues),
    advantages: matrix(rollout.advantages),
    returns: matrix(rollout.returns),
  };
}

/** Means over an iteration's updates; `first_*`: of its first update, before the policy has moved. */
function updateMetrics(updates: readonly UpdateMetrics[]): Record<string, number> {
  const mean = (name: string): number => moments(updates.map((update) => update[name]!)).mean;
  const first = updates[0]!;
  return {
    'policy/approxkl_avg': mean('approximateKl'),
    'policy/clipfrac_avg': mean('clipFraction'),
    'loss/policy_avg': mean('policyLoss'),
    'loss/value_avg': mean('valueLoss'),
    'val/clipfrac_avg': mean('valueClipFraction'),
    'val/ratio': mean('ratio'),
    'val/first_ratio': first['ratio']!,
    'policy/first_approxkl': first['approximateKl']!,
    'policy/first_clipfrac': first['clipFraction']!,
    'loss/first_policy': first['policyLoss']!,
    gradientNorm: mean('gradientNorm'),
  };
}
