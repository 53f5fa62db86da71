/** A step of the product, one update or iteration of it at a time. */
import type { ArtifactStore } from '@plumbline/artifacts';
import type { RunConfiguration, StepInputs } from '@plumbline/contracts';
import type { ExecutionPlan, StepContext, StepFunction, StepProgress } from '@plumbline/training';

type Values = Readonly<Record<string, number>>;

export interface StepwiseOptions {
  readonly step: StepFunction;
  readonly configuration: RunConfiguration;
  readonly inputs: StepInputs;
  readonly artifacts: ArtifactStore;
  readonly plan: ExecutionPlan;
  /** What a unit of work is called in the step's progress: `updates`, `iterations`. */
  readonly unit: string;
  /** Sees everything the step reports, and each commit. */
  readonly observe?: Partial<Pick<StepContext, 'progress' | 'commit'>>;
}

/**
 * Runs the step as a worker would, but holds it wherever it gives the event loop a turn after a unit of its work, until
 * the next unit is asked for. A step that comes to its end is begun again.
 */
export class Stepwise {
  /** When the last unit began, as `performance.now` has it. */
  resumedAt = 0;
  private done = 0;
  private values: Values = {};
  private reached = false;
  private resume: (() => void) | null = null;
  private settle: { resolve(values: Values): void; reject(error: unknown): void } | null = null;

  constructor(private readonly options: StepwiseOptions) {}

  /** Does one unit; resolves with what the step measured of it. */
  unit(): Promise<Values> {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.resumedAt = performance.now();
      const { resume } = this;
      this.resume = null;
      if (resume) resume();
      else void this.run().catch((error: unknown) => this.settle?.reject(error));
    });
  }

  private async run(): Promise<never> {
    const { step, configuration, inputs, artifacts, plan, observe } = this.options;
    const context: StepContext = {
      artifacts,
      plan,
      resumeFrom: null,
      progress: (progress) => {
        this.note(progress);
        observe?.progress?.(progress);
      },
      commit: (checkpoint) => observe?.commit?.(checkpoint) ?? Promise.resolve(),
      shouldPause: () => false,
      breathe: () => this.hold(),
    };
    for (;;) {
      this.done = 0;
      await step(configuration, inputs, context);
    }
  }

  private note({ unit, done, metrics }: StepProgress): void {
    if (unit !== this.options.unit || done <= this.done) return;
    this.done = done;
    this.values = metrics?.values ?? {};
    this.reached = true;
  }

  private async hold(): Promise<void> {
    if (!this.reached) return;
    this.reached = false;
    const resumed = new Promise<void>((resolve) => (this.resume = resolve));
    this.settle?.resolve(this.values);
    await resumed;
  }
}
