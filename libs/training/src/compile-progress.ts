import type { OnCompile } from './named-function.js';
import type { StepContext } from './step.js';

/** Says in the step's progress what is being compiled: seconds in which nothing else can be said. */
export function compileProgress(
  context: StepContext,
  { done, total, unit }: { readonly done: number; readonly total: number; readonly unit: string },
): OnCompile {
  return ({ name, size }) =>
    context.progress({ phase: `compiling ${name} (${size} operations)`, done, total, unit });
}
