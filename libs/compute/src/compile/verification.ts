/** For tests: every run of a program is checked against the function that it was traced from. */
import { tf, type Tensor } from '../tensorflow.js';

export interface Tolerances {
  /** Largest difference of an output's elements over its largest magnitude, in fp32 programs. */
  readonly fp32: number;
  /** The same where matrix products take bf16, whose step is 2⁻⁸. */
  readonly bf16: number;
  /** Outputs are taken to be at least this large: what should be zero is rounding noise in both. */
  readonly floor: number;
}

const DEFAULTS: Tolerances = { fp32: 1e-5, bf16: 5e-2, floor: 1e-2 };

export interface Verification {
  /** Runs compared so far, by the compiled function's name. */
  readonly runs: ReadonlyMap<string, number>;
  /** Largest relative difference found, by the compiled function's name. */
  readonly worst: ReadonlyMap<string, number>;
  /** Ends the checking. */
  stop(): void;
}

/** A program's results differ from those of its function run op by op. */
export class ProgramMismatchError extends Error {
  override readonly name = 'ProgramMismatchError';
}

interface Check extends Verification {
  readonly runs: Map<string, number>;
  readonly worst: Map<string, number>;
  readonly tolerances: Tolerances;
}

let check: Check | null = null;

/**
 * From now on every call of a compiled function also runs the function op by op and compares; a call that differs by
 * more than the tolerance throws `ProgramMismatchError`. More than twice as slow: for tests.
 */
export function verifyPrograms(tolerances: Partial<Tolerances> = {}): Verification {
  const mine: Check = {
    runs: new Map(),
    worst: new Map(),
    tolerances: { ...DEFAULTS, ...tolerances },
    stop: () => {
      if (check === mine) check = null;
    },
  };
  check = mine;
  return mine;
}

/** Compares a program's outputs with what `expected` computes, if anybody asked for that. */
export function verifyRun(
  name: string,
  precision: 'fp32' | 'bf16',
  outputs: readonly Tensor[],
  expected: () => readonly Tensor[],
): void {
  if (!check) return;
  const { runs, worst, tolerances } = check;
  const reference = expected();
  try {
    reference.forEach((tensor, index) => {
      const output = outputs[index]!;
      const difference = relativeDifference(output, tensor, tolerances.floor);
      worst.set(name, Math.max(worst.get(name) ?? 0, difference));
      const shapes = [output, tensor].map(({ dtype, shape }) => `${dtype}[${shape.join(',')}]`);
      if (shapes[0] !== shapes[1] || !(difference <= tolerances[precision])) {
        throw new ProgramMismatchError(
          `${name}: output ${index}, ${shapes[0]}, differs from op-by-op execution's ${shapes[1]} by ${difference}`,
        );
      }
    });
    runs.set(name, (runs.get(name) ?? 0) + 1);
  } finally {
    tf.dispose(reference as Tensor[]);
  }
}

/** Largest |a − b| over the largest |b|; where both are the same NaN or infinity there is no difference. */
function relativeDifference(a: Tensor, b: Tensor, floor: number): number {
  const [x, y] = [a.dataSync(), b.dataSync()];
  let difference = 0;
  let magnitude = floor;
  for (let i = 0; i < y.length; i++) {
    if (Object.is(x[i], y[i])) continue;
    const gap = Math.abs(x[i]! - y[i]!);
    if (Number.isNaN(gap)) return NaN;
    difference = Math.max(difference, gap);
  }
  for (const value of y) if (Number.isFinite(value)) magnitude = Math.max(magnitude, Math.abs(value));
  return x.length === y.length ? difference / magnitude : Infinity;
}
