import type { TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration } from '@plumbline/contracts';
import type { LossFunction } from '@plumbline/training';
import type { InputShapes, InputValues } from './loss-inputs.js';
import type { OptimiseSettings } from './optimise-settings.js';
import type { ResponseShape } from '../policy/policy.js';
import type { Rollout } from '../rollout/rollout.js';
import type { Metrics } from './optimiser.js';

/** What a rollout becomes for the loss. */
export interface Experience {
  /** Under names of `inputs`; those that the rollout itself has (`rolloutInputs`) are filled in. */
  readonly values: InputValues;
  /** What there is to report of it. */
  readonly metrics: Metrics;
}

/**
 * An optimiser that learns from its own policy's responses. `OnlineTraining` collects rollouts, updates, adapts β and
 * keeps the state; this says what is particular to the algorithm.
 */
export interface OnlineOptimiser {
  /** Responses sampled to each prompt. */
  responsesPerPrompt(settings: OptimiseSettings): number;
  /** The weights that training starts from: the policy's, and `value.` ones where there is a value function. */
  initialWeights(pretrained: TensorMap, reward: TensorMap, settings: OptimiseSettings): TensorMap;
  /** What the loss takes beside tokens and response mask. */
  inputs(settings: OptimiseSettings): InputShapes;
  /** How scores and KL become what the loss takes. Pure. */
  experience(rollout: Rollout, settings: OptimiseSettings, beta: number): Experience;
  /**
   * The loss of a batch of responses. Its outputs are `logProbabilities` [B, R] and, with a value function, `values`
   * [B, R], of the parameters as they are; its metrics are named as in `update-metrics.ts`.
   */
  loss(model: ModelConfiguration, settings: OptimiseSettings, shape: ResponseShape): LossFunction;
}
