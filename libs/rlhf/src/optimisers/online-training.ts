/** Rollout, advantages, updates: the iterations that every online optimiser shares. */
import type { TensorMap } from '@plumbline/artifacts';
import { permutation, tf } from '@plumbline/compute';
import type { ModelConfiguration, OptimiseConfiguration, SampleConfiguration } from '@plumbline/contracts';
import { createGenerator, responseUniforms, type TextGenerator } from '@plumbline/generation';
import { disposeParameters, fromTensorMap, type Parameters } from '@plumbline/model';
import {
  Trainer,
  type Batch,
  type ExecutionPlan,
  type TrainerOptions,
  type UpdateMetrics,
} from '@plumbline/training';
import { policyWeights } from '../policy/actor-critic.js';
import { nextKlCoefficient } from '../kl/kl-controller.js';
import { settledScores } from '../rollout/end-of-text.js';
import { iterationLearningRate } from './learning-rate.js';
import { rolloutBatch, rolloutInputs, type InputValues } from './loss-inputs.js';
import { forwardProgram, type ForwardProgram } from '../forward-program.js';
import { completeSettings, type OptimiseSettings } from './optimise-settings.js';
import { responseLogProbabilities } from '../policy/policy.js';
import { collectRollout, type Rollout } from '../rollout/rollout.js';
import { rolloutMetrics } from '../rollout/rollout-metrics.js';
import type { Scorer } from '../reward/scorer.js';
import type { Sequence } from '../sequences.js';
import { updateMetrics } from './update-metrics.js';
import type { Experience, OnlineOptimiser } from './online-optimiser.js';
import type { Metrics } from './optimiser.js';

/** What changes from iteration to iteration beside weights and moments. */
export interface OnlineState {
  readonly iterations: number;
  /** KL coefficient β of the next iteration. */
  readonly beta: number;
  /** Prompts used: the next iteration begins with this one. Its rollouts' random streams are numbered by response. */
  readonly promptCursor: number;
  /** Of the parameters, at most `epochs` × `minibatches` an iteration; Adam's t. */
  readonly updates: number;
  /** Of the learning rate; `next`: of the next iteration. */
  readonly schedule: {
    readonly kind: OptimiseSettings['schedule'];
    readonly peak: number;
    readonly warmup: number;
    readonly total: number;
    readonly next: number;
  };
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
  /** Further metrics of an iteration's responses; absent: none. */
  readonly measure?: (responses: readonly Sequence[]) => Metrics;
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
  settings: OptimiseSettings,
  at: Pick<OnlineState, 'iterations' | 'beta' | 'updates'>,
): OnlineState {
  const total = onlineIterations(settings);
  const { learningRate: peak, batch, schedule: kind, warmup } = settings;
  return {
    ...at,
    promptCursor: (at.iterations * batch) / optimiser.responsesPerPrompt(settings),
    schedule: { kind, peak, warmup, total, next: iterationLearningRate(settings, at.iterations, total) },
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
    private readonly settings: OptimiseSettings,
    private stateNow: OnlineState,
    private readonly trainer: Trainer,
    private readonly generator: TextGenerator,
    private readonly reference: Parameters,
    private readonly referenceProgram: ForwardProgram,
  ) {}

  static async begin(options: OnlineTrainingOptions): Promise<OnlineTraining> {
    const { optimiser, sample, model, plan } = options;
    const settings = completeSettings(options.settings);
    const state =
      options.state ??
      onlineState(optimiser, settings, { iterations: 0, beta: settings.kl.coefficient, updates: 0 });
    const shape = { promptLength: sample.promptTokens, temperature: sample.temperature };
    const generator = await createGenerator(model, policyWeights(options.weights), {
      engine: plan.generation,
      threads: plan.threads,
    });
    // Not by parts of rows: policy and value network are computed side by side already; parts took a tenth longer.
    const trainer = new Trainer({
      loss: optimiser.loss(model, settings, shape),
      adamW: settings.adam,
      maximumGradientNorm: settings.maximumGradientNorm,
      weights: options.weights,
      optimizer: options.optimizer,
      updates: state.updates,
      plan,
      ...(options.onCompile && { onCompile: options.onCompile }),
    });
    return new OnlineTraining(
      options,
      settings,
      state,
      trainer,
      generator,
      fromTensorMap(options.reference),
      forwardProgram(
        'the reference policy',
        (parameters, { tokens }) => responseLogProbabilities(parameters, model, tokens!, shape),
        plan,
      ),
    );
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
    const began = performance.now();
    const { settings } = this;
    const { optimiser, measure } = this.options;
    const { iterations, beta, schedule } = this.stateNow;
    const rollout = await this.rollout();
    const experience = optimiser.experience(rollout, settings, beta);
    const updating = performance.now();
    const updates = await this.update(rollout, experience);
    const updated = performance.now();
    const metrics = rolloutMetrics(rollout, beta, settings.kl.estimator, this.options.endOfText);
    this.stateNow = onlineState(optimiser, settings, {
      iterations: iterations + 1,
      beta: nextKlCoefficient(settings.kl, beta, metrics['objective/kl'], settings.batch),
      updates: this.trainer.updates,
    });
    return {
      ...metrics,
      ...experience.metrics,
      ...updateMetrics(updates),
      ...measure?.(rollout.sequences),
      lr: schedule.next,
      beta,
      episode: (iterations + 1) * settings.batch,
      // Episodes a second, of the whole iteration.
      // Of which, in seconds: sampling; old log-probabilities, reference, values and scores; updates.
      'time/sampling': rollout.seconds.sampling,
      'time/scoring': rollout.seconds.scoring,
      'time/update': (updated - updating) / 1000,
      eps: settings.batch / ((performance.now() - began) / 1000),
    };
  }

  /** Responses of the policy as it is to the next prompts. */
  async rollout(): Promise<Rollout> {
    const { settings } = this;
    const { optimiser, sample, seed, model, scorer, prompt, endOfText, breathe } = this.options;
    const { iterations, promptCursor } = this.stateNow;
    const responsesPerPrompt = optimiser.responsesPerPrompt(settings);
    const rows = Array.from({ length: settings.batch }, (_, row) => row);
    const rollout = await collectRollout(
      {
        model,
        trainer: this.trainer,
        reference: (tokens) => this.referenceProgram.run(this.reference, { tokens }),
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
        rows: this.microBatchRows,
        microBatches: settings.accumulation,
        inputs: optimiser.inputs(settings),
        breathe,
      },
    );
    return { ...rollout, scores: settledScores(rollout, settings.missingEndOfText, endOfText) };
  }

  /**
   * The updates that an iteration makes of its rollout: `epochs` × `minibatches`, fewer where one finds that the policy
   * has gone further from the old one than `targetKl`.
   */
  async update(rollout: Rollout, experience: Experience): Promise<UpdateMetrics[]> {
    const { settings } = this;
    const { seed, breathe } = this.options;
    const { iterations, beta, schedule } = this.stateNow;
    const values = { ...rolloutInputs(rollout, beta), ...experience.values };
    const updates: UpdateMetrics[] = [];
    for (let epoch = 0; epoch < settings.epochs; epoch++) {
      const purpose = `minibatches iteration ${iterations} epoch ${epoch}`;
      for (const minibatch of permutation(seed, purpose, settings.minibatches)) {
        const batches = this.microBatches(rollout, values, minibatch);
        const metrics = this.trainer.update(batches, schedule.next);
        tf.dispose(batches.map((batch) => Object.values(batch)));
        updates.push(metrics);
        await breathe();
        if (settings.targetKl !== undefined && metrics['approximateKl']! > settings.targetKl) return updates;
      }
    }
    return updates;
  }

  /** Rows of a minibatch, in parts. */
  private microBatches(rollout: Rollout, values: InputValues, minibatch: number): Batch[] {
    const { accumulation } = this.settings;
    const inputs = this.options.optimiser.inputs(this.settings);
    const rows = this.microBatchRows;
    return Array.from({ length: accumulation }, (_, part) =>
      rolloutBatch(rollout, inputs, values, (minibatch * accumulation + part) * rows, rows),
    );
  }

  private get microBatchRows(): number {
    const { batch, minibatches, accumulation } = this.settings;
    return batch / (minibatches * accumulation);
  }

  async dispose(): Promise<void> {
    await this.generator.dispose();
    this.referenceProgram.dispose();
    disposeParameters(this.reference);
    this.trainer.dispose();
  }
}
