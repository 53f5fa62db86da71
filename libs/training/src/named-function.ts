/** Functions of named groups of tensors, compiled or run op by op. */
import { compile, tf, type Compiled, type CompileOptions, type Tensor } from '@plumbline/compute';
import type { ExecutionPlan } from './execution-plan.js';

/** Groups (parameters, batch, …) of tensors by name. */
export type NamedTensors = Readonly<Record<string, Readonly<Record<string, Tensor>>>>;

export type OnCompile = NonNullable<CompileOptions['onCompile']>;

/**
 * A function from groups of named tensors to groups of named tensors. `compile` knows lists only: this maps between
 * the two. The groups and names must be the same at every call.
 */
export class NamedFunction {
  private inputNames: Names | undefined;
  /** Known once the function has run, be it for tracing. */
  private outputNames: Names = [];
  private readonly call: ((...inputs: Tensor[]) => Tensor[]) | Compiled;

  constructor(
    name: string,
    private readonly fn: (inputs: NamedTensors) => NamedTensors,
    plan: Pick<ExecutionPlan, 'mode' | 'precision'>,
    onCompile?: OnCompile,
  ) {
    const list = (...inputs: Tensor[]): Tensor[] => this.onLists(inputs);
    this.call =
      plan.mode === 'compiled'
        ? compile(list, { name, precision: plan.precision, ...(onCompile && { onCompile }) })
        : (...inputs: Tensor[]) => tf.tidy(() => list(...inputs));
  }

  /** The results are the caller's, as the inputs are. */
  run(inputs: NamedTensors): NamedTensors {
    this.inputNames ??= namesOf(inputs);
    const outputs = this.call(...flatten(inputs, this.inputNames));
    return group(outputs, this.outputNames);
  }

  dispose(): void {
    if ('dispose' in this.call) this.call.dispose();
  }

  private onLists(inputs: readonly Tensor[]): Tensor[] {
    const outputs = this.fn(group(inputs, this.inputNames!));
    this.outputNames = namesOf(outputs);
    return flatten(outputs, this.outputNames);
  }
}

type Names = readonly (readonly [group: string, names: readonly string[]])[];

function namesOf(groups: NamedTensors): Names {
  return Object.entries(groups).map(([name, tensors]) => [name, Object.keys(tensors).sort()]);
}

function flatten(groups: NamedTensors, names: Names): Tensor[] {
  return names.flatMap(([group, inGroup]) => inGroup.map((name) => groups[group]![name]!));
}

function group(tensors: readonly Tensor[], names: Names): NamedTensors {
  const rest = tensors.slice();
  return Object.fromEntries(
    names.map(([name, inGroup]) => [
      name,
      Object.fromEntries(inGroup.map((inner) => [inner, rest.shift()!])),
    ]),
  );
}
