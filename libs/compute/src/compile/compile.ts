/**
 * Turns a tfjs function into one TensorFlow program, fused by XLA. For every combination of input shapes and types the
 * function runs once while its ops are recorded; from then on the program runs instead of the function.
 */
import { tf, type Tensor } from '../tensorflow.js';
import { acquireProgram, ProgramError, releaseProgram, type Program } from './program.js';
import { trace, TraceError } from './trace.js';

export interface CompileOptions {
  /** For the warning when compiling fails. */
  readonly name: string;
  /** One XLA program; false: TensorFlow's own kernels, run from a graph. */
  readonly xla?: boolean;
}

export interface Compiled {
  /** Runs the program; the results are the caller's, as the inputs are. */
  (...inputs: Tensor[]): Tensor[];
  /** Whether the function runs as a program (`compiled`) or, since compiling it failed, op by op. */
  mode(): 'compiled' | 'eager';
  /** Gives the programs back. */
  dispose(): void;
}

/**
 * Compiles `fn`, which must be a pure function of its arguments: whatever varies between calls is a tensor among them,
 * numbers from outside are frozen into the program. Where it cannot be compiled it runs op by op, after one warning.
 * Errors that `fn` itself throws reach the caller.
 */
export function compile(
  fn: (...inputs: Tensor[]) => Tensor[],
  { name, xla = true }: CompileOptions,
): Compiled {
  const programs = new Map<string, Program>();
  let eager = false;

  const run = (...inputs: Tensor[]): Tensor[] => {
    if (eager) return runEagerly(fn, inputs);
    const key = inputs.map((input) => `${input.dtype}[${input.shape.join(',')}]`).join(' ');
    const known = programs.get(key);
    if (known) return known.run(inputs);
    try {
      const program = acquireProgram(trace(fn, inputs, xla));
      programs.set(key, program);
      return program.run(inputs); // the first run compiles
    } catch (error) {
      if (!(error instanceof TraceError || error instanceof ProgramError)) throw error;
      eager = true;
      console.warn(`${name} runs op by op, which is slower: ${error.message}`);
      return runEagerly(fn, inputs);
    }
  };
  return Object.assign(run, {
    mode: () => (eager ? ('eager' as const) : ('compiled' as const)),
    dispose: () => {
      for (const program of programs.values()) releaseProgram(program);
      programs.clear();
    },
  });
}

/** Results are new tensors, also where the function returns an input, as those of a program are. */
function runEagerly(fn: (...inputs: Tensor[]) => Tensor[], inputs: Tensor[]): Tensor[] {
  return tf.tidy(() => fn(...inputs).map((output) => (inputs.includes(output) ? output.clone() : output)));
}
