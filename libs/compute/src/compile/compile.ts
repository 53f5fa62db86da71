/**
 * Turns a tfjs function into TensorFlow programs. For every combination of input shapes and types the ops of the
 * function are recorded once (`trace.ts`); from then on the program runs instead of the function. docs/compile.md says
 * what functions may do.
 */
import { tf, type Tensor } from '../tensorflow.js';
import type { GraphFunction } from './graph.js';
import { withBfloat16Products } from './mixed-precision.js';
import { acquireProgram, ProgramError, releaseProgram, type Program } from './program.js';
import { trace, TraceError } from './trace.js';
import { verifyRun } from './verification.js';
import { withoutWideSums } from './wide-sums.js';

export type MatmulPrecision = 'fp32' | 'bf16';

export interface CompileOptions {
  /** For the warning when compiling fails, and for `onCompile`. */
  readonly name: string;
  /**
   * `fp32` (default): one XLA program. `bf16`: matrix products take operands rounded to bf16 and run in oneDNN;
   * everything else stays fp32, fused by XLA where TensorFlow was loaded with `autoClustering`.
   */
  readonly precision?: MatmulPrecision;
  /** False: TensorFlow's own kernels, run from a graph; nothing is fused. Absent: as the precision wants it. */
  readonly xla?: boolean;
  /** Programs kept, each for one combination of shapes and types; more push out those used longest ago. */
  readonly cacheSize?: number;
  /** Called before a program is compiled, which takes seconds. `size` is the number of its ops. */
  readonly onCompile?: (event: { readonly name: string; readonly size: number }) => void;
}

/** Numbers are for what varies between calls (a learning rate): the function finds a float32 scalar in their place. */
export type CompiledArgument = Tensor | number;

export interface Compiled {
  /** Runs the program; the results are the caller's, as the inputs are. */
  (...inputs: CompiledArgument[]): Tensor[];
  /** Whether the function runs as a program (`compiled`) or, since compiling it failed, op by op. */
  mode(): 'compiled' | 'eager';
  /** Number of programs kept now. */
  programs(): number;
  /** Gives the programs back. */
  dispose(): void;
}

export const DEFAULT_CACHE_SIZE = 16;

/**
 * Compiles `fn`, which must be a pure function of its arguments: whatever varies between calls is an argument, all
 * else is frozen into the program. Where it cannot be compiled it runs op by op, after one warning that says why.
 * Errors that `fn` itself throws reach the caller.
 *
 * @throws RangeError when `cacheSize` is not a positive integer.
 */
export function compile(fn: (...inputs: Tensor[]) => Tensor[], options: CompileOptions): Compiled {
  const { name, cacheSize = DEFAULT_CACHE_SIZE, precision = 'fp32' } = options;
  const xla = options.xla ?? precision === 'fp32';
  if (!Number.isInteger(cacheSize) || cacheSize < 1) {
    throw new RangeError(`cacheSize: ${cacheSize} is not a positive integer`);
  }
  /** Those used longest ago first. */
  const programs = new Map<string, Program>();
  let eager = false;

  const build = (inputs: readonly Tensor[]): Program => {
    const traced = withoutWideSums(trace(fn, inputs));
    const graph: GraphFunction = precision === 'bf16' ? withBfloat16Products(traced) : traced;
    options.onCompile?.({ name, size: graph.nodes.length });
    return acquireProgram(graph, { xla });
  };

  const release = (): void => {
    for (const program of programs.values()) releaseProgram(program);
    programs.clear();
  };

  const runTensors = (inputs: Tensor[]): Tensor[] => {
    if (eager) return runEagerly(fn, inputs);
    const key = inputs.map((input) => `${input.dtype}[${input.shape.join(',')}]`).join(' ');
    let outputs: Tensor[];
    try {
      const program = programs.get(key) ?? build(inputs);
      programs.delete(key);
      programs.set(key, program);
      for (const [oldest, forgotten] of programs) {
        if (programs.size <= cacheSize) break;
        programs.delete(oldest);
        releaseProgram(forgotten);
      }
      outputs = program.run(inputs); // the first run compiles
    } catch (error) {
      if (!(error instanceof TraceError || error instanceof ProgramError)) throw error;
      eager = true;
      release();
      console.warn(`${name} runs op by op, which is slower: ${error.message}`);
      return runEagerly(fn, inputs);
    }
    try {
      verifyRun(name, precision, outputs, () => runEagerly(fn, inputs));
    } catch (error) {
      tf.dispose(outputs);
      throw error;
    }
    return outputs;
  };

  const run = (...inputs: CompiledArgument[]): Tensor[] => {
    const own: Tensor[] = [];
    const tensors = inputs.map((input) => {
      if (typeof input !== 'number') return input;
      own.push(tf.scalar(input, 'float32'));
      return own.at(-1)!;
    });
    try {
      return runTensors(tensors);
    } finally {
      tf.dispose(own);
    }
  };
  return Object.assign(run, {
    mode: () => (eager ? ('eager' as const) : ('compiled' as const)),
    programs: () => programs.size,
    dispose: release,
  });
}

/** Results are new tensors, also where the function returns an input, as those of a program are. */
function runEagerly(fn: (...inputs: Tensor[]) => Tensor[], inputs: Tensor[]): Tensor[] {
  return tf.tidy(() => fn(...inputs).map((output) => (inputs.includes(output) ? output.clone() : output)));
}
