import type { CheckpointContent, TensorMap } from '@plumbline/artifacts';
import type { RunConfiguration, StepInputs } from '@plumbline/contracts';
import type { ModelCheckpoint, StepContext } from '@plumbline/training';
import type { RewardModel } from '../reward/reward-scorer.js';
import type { Scorer } from '../reward/scorer.js';
import type { Sequence } from '../sequences.js';

export type Metrics = Readonly<Record<string, number>>;

/** What an optimiser starts from. */
export interface OptimiserSetup {
  readonly configuration: RunConfiguration;
  readonly context: StepContext;
  readonly inputs: StepInputs;
  /** Where the policy starts, and what it is held near. */
  readonly pretrained: ModelCheckpoint;
  readonly reward: RewardModel;
  /** The reward model's; the step disposes of it. */
  readonly scorer: Scorer;
  /** Further metrics of responses, which training must not see: the gold reward, where there is one. */
  readonly measure: (responses: readonly Sequence[]) => Metrics;
  /** The checkpoint to continue from, its configuration and references already checked; null at the first start. */
  readonly start: (CheckpointContent & { readonly id: string }) | null;
}

/** An optimiser at its work, which the step drives iteration by iteration. */
export interface OptimiserAtWork {
  /** Iterations in all, and done already. */
  readonly total: number;
  readonly done: number;
  /** Does iteration `iteration` (0-based). */
  iterate(iteration: number): Promise<Metrics>;
  /** Everything beside weights and moments that the next iteration depends on; plain JSON. */
  state(): object;
  /** The policy under the transformer's names, a value network under `value.`; Adam's moments. */
  snapshot(): { readonly weights: TensorMap; readonly optimizer: TensorMap };
  /** Whether weights and state belong together: false amid an iteration's updates. */
  isWhole(): boolean;
  dispose(): Promise<void>;
}

/** A way to make a policy out of a pretrained model and preferences. */
export interface Optimiser {
  /** Reads what it needs beside model and reward model, and takes up its work. The caller disposes of it. */
  begin(setup: OptimiserSetup): Promise<OptimiserAtWork>;
}
