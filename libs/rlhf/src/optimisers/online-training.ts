/** Rollout, advantages, updates: the iterations that every online optimiser shares. */
import type { TensorMap } from '@plumbline/artifacts';
import { permutation, tf } from '@plumbline/compute';
import type { ModelConfiguration, OptimiseConfiguration, SampleConfiguration } from '@plumbline/contracts';
import { createGenerator, responseUniforms, type TextGenerator } from '@plumbline/generation';
import { disposeParameters, fromTensorMap, type Parameters } from '@plumbline/model';
import { Trainer, type ExecutionPlan, type TrainerOptions, type UpdateMetrics } from '@plumbline/training';
import { policyWeights } from '../actor-critic.js';
import { nextKlCoefficient } from '../kl-controller.js';
import { rolloutBatch } from '../loss-inputs.js';
import { collectRollout, type Rollout } from '../rollout.js';
import { rolloutMetrics } from '../rollout-metrics.js';
import type { Scorer } from '../scorer.js';
import { updateMetrics } from '../update-metrics.js';
import type { Experience, OnlineOptimiser } from './online-optimiser.js';
import type { Metrics } from './optimiser.js';

const MAXIMUM_GRADIENT_NORM = 1;

/** What changes from iteration to iteration beside weights and moments. */
export interface OnlineState {
  readonly iterations: number;
  /** KL coefficient β of the next iteration. */
  readonly beta: number;
  /** Prompts used: the next iteration begins with this one. Its rollouts' random streams are numbered by response. */
  readonly promptCursor: number;
  /** Of the parameters, at most `epochs` × `minibatches` an iteration; Adam's t. */
  readonly updates: number;
  /** Linear to 0; `next`: of the next iteration. */
  readonly schedule: { readonly peak: number; readonly total: number; readonly next: number };
}

export interface OnlineTrainingOptions {
  readonly optimiser: OnlineOptimiser;
  readonly settings: OptimiseConfiguration;
  readonly sample: Pick<SampleConfiguration, 'promptTokens' | 'responseTokens' | 'temperature'>;
  readonly seed: number;
  readonly model: ModelConfiguration;
  /** Of the parameters that are trained: `initialWeights`, or a snapshot's. */
  readonly weights: TensorMap;
  /** A snapshot's moments; absent: zero. */
  readonly optimizer?: TensorMap;
  /** Of an earlier training; absent: from the beginning. */
  readonly state?: OnlineState;
  readonly reference: TensorMap;
  readonly scorer: Scorer;
  /** Prompt `index`, `sample.promptTokens` long; each is used once. */
  readonly prompt: (index: number) => readonly number[];
  readonly endOfText: number;
  readonly plan: ExecutionPlan;
  readonly breathe: () => Promise<void>;
  readonly onCompile?: TrainerOptions['onCompile'];
}

/** Iterations of an online optimiser in all. */
export function onlineIterations({
  episodes,
  batch,
}: Pick<OptimiseConfiguration, 'episodes' | 'batch'>): number {
  return Math.ceil(episodes / batch);
}

/** The state after so many iterations and updates. */
export function onlineState(
  optimiser: OnlineOptimiser,
  settings: OptimiseConfiguration,
  at: Pick<OnlineState, 'iterations' | 'beta' | 'updates'>,
): OnlineState {
  const total = onlineIterations(settings);
  const { learningRate, batch } = settings;
  return {
    ...at,
    promptCursor: (at.iterations * batch) / optimiser.responsesPerPrompt(settings),
    schedule: { peak: learningRate, total, next: learningRate * (1 - at.iterations / total) },
  };
}

/**
 * An online optimiser's training, without artifacts or checkpoints: a pure function of its options, iteration by
 * iteration. The rows of a minibatch stay together in all epochs: they are random already, and the first epoch's old
 * log-probabilities then come from a call of the same shape.
 */
export class OnlineTraining {
  private constructor(
    private readonly options: OnlineTrainingOptions,
    private stateNow: OnlineState,
    private readonly trainer: Trainer,
    private readonly generator: TextGenerator,
    private readonly reference: Parameters,
  ) {}

  static async begin(options: OnlineTrainingOptions): Promise<OnlineTraining> {
    const { optimiser, settings, sample, model, plan } = options;
    const state =
      options.state ??
      onlineState(optimiser, settings, { iterations: 0, beta: settings.kl.coefficient, updates: 0 });
    const shape = { promptLength: sample.promptTokens, temperature: sample.temperature };
    const generator = await createGenerator(model, policyWeights(options.weights), {
      engine: plan.generation,
      threads: plan.threads,
    });
    const trainer = new Trainer({
      loss: optimiser.loss(model, settings, shape),
      adamW: { weightDecay: 0 },
      maximumGradientNorm: MAXIMUM_GRADIENT_NORM,
      weights: options.weights,
      optimizer: options.optimizer,
      updates: state.updates,
      plan,
      ...(options.onCompile && { onCompile: options.onCompile }),
    });
    return new OnlineTraining(options, state, trainer, generator, fromTensorMap(options.reference));
  }

  get state(): OnlineState {
    return this.stateNow;
  }

  /** Parameters in training; replaced and disposed of by `iterate`. */
  get parameters(): Parameters {
    return this.trainer.parameters;
  }

  snapshot(): { weights: TensorMap; optimizer: TensorMap } {
    return this.trainer.snapshot();
  }

  /** Whether weights and state belong together: false amid an iteration's updates. */
  isWhole(): boolean {
    return this.trainer.updates === this.stateNow.updates;
  }

  /** One iteration: a rollout, and the updates from it. */
  async iterate(): Promise<Metrics> {
    const { optimiser, settings } = this.options;
    const { iterations, beta, schedule } = this.stateNow;
    const rollout = await this.rollout();
    const experience = optimiser.experience(rollout, settings, beta);
    const updates = await this.update(rollout, experience);
    const metrics = rolloutMetrics(rollout, beta);
    this.stateNow = onlineState(optimiser, settings, {
      iterations: iterations + 1,
      beta: nextKlCoefficient(settings.kl, beta, metrics['objective/kl'], settings.batch),
      updates: this.trainer.updates,
    });
    return { ...metrics, ...experience.metrics, ...updateMetrics(updates), lr: schedule.next, beta };
  }

  /** Responses of the policy as it is to the next prompts. */
  rollout(): Promise<Rollout> {
    const { optimiser, settings, sample, seed, model, scorer, prompt, endOfText, breathe } = this.options;
    const { iterations, promptCursor } = this.stateNow;
    const responsesPerPrompt = optimiser.responsesPerPrompt(settings);
    const rows = Array.from({ length: settings.batch }, (_, row) => row);
    return collectRollout(
      {
        model,
        trainer: this.trainer,
        reference: this.reference,
        generator: this.generator,
        scorer,
      },
      {
        prompts: rows.map((row) => prompt(promptCursor + Math.floor(row / responsesPerPrompt))),
        responsesPerPrompt,
        responseTokens: sample.responseTokens,
        temperature: sample.temperature,
        // Every response has a stream of its own, those to the same prompt too.
        uniforms: responseUniforms(
          seed,
          'rollouts',
          rows.map((row) => iterations * settings.batch + row),
          sample.responseTokens,
        ),
        endOfText,
        rows: settings.batch / settings.minibatches,
        inputs: optimiser.inputs(settings),
        breathe,
      },
    );
  }

  /** The updates that an iteration makes of its rollout. */
  async update(rollout: Rollout, { values }: Experience): Promise<UpdateMetrics[]> {
    const { optimiser, settings, seed, breathe } = this.options;
    const { iterations, schedule } = this.stateNow;
    const inputs = optimiser.inputs(settings);
    const rows = settings.batch / settings.minibatches;
    const updates: UpdateMetrics[] = [];
    for (let epoch = 0; epoch < settings.epochs; epoch++) {
      const purpose = `minibatches iteration ${iterations} epoch ${epoch}`;
      for (const minibatch of permutation(seed, purpose, settings.minibatches)) {
        const batch = rolloutBatch(rollout, inputs, values, minibatch * rows, rows);
        updates.push(this.trainer.update(batch, schedule.next));
        tf.dispose(Object.values(batch));
        await breathe();
      }
    }
    return updates;
  }

  async dispose(): Promise<void> {
    await this.generator.dispose();
    disposeParameters(this.reference);
    this.trainer.dispose();
  }
}
