/** What a policy loss takes beside the tokens and the response mask, by name. R response positions. */
import { tf, type Tensor } from '@plumbline/compute';
import type { Batch } from '@plumbline/training';
import type { Rollout } from '../rollout/rollout.js';

/** `token`: one number a response position, [rows, R]; `sequence`: one a row, [rows]; `scalar`: one a batch, []. */
export type InputShape = 'token' | 'sequence' | 'scalar';

export type InputShapes = Readonly<Record<string, InputShape>>;

/** Numbers of a whole rollout: [B · R], [B] or [1]. */
export type InputValues = Readonly<Record<string, Float32Array>>;

/**
 * The inputs of one program call: `rows` rows from `from` on, or zeros where no values are given. The tensors are the
 * caller's.
 */
export function lossInputs(
  shapes: InputShapes,
  rows: number,
  responseTokens: number,
  values?: { readonly of: InputValues; readonly from: number },
): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const [perRow, dimensions] = LAYOUTS[shape](rows, responseTokens);
      if (!values) return [name, tf.zeros(dimensions)];
      const all = values.of[name]!;
      const part =
        shape === 'scalar' ? all : all.subarray(values.from * perRow, (values.from + rows) * perRow);
      return [name, tf.tensor(part, dimensions)];
    }),
  );
}

const LAYOUTS: Readonly<
  Record<InputShape, (rows: number, responseTokens: number) => readonly [perRow: number, shape: number[]]>
> = {
  token: (rows, responseTokens) => [responseTokens, [rows, responseTokens]],
  sequence: (rows) => [1, [rows]],
  scalar: () => [0, []],
};

/** What a rollout itself gives to the loss, be it asked for or not. */
export function rolloutInputs(rollout: Rollout, beta: number): InputValues {
  const { oldLogProbabilities, oldValues, referenceLogProbabilities } = rollout;
  return {
    oldLogProbabilities,
    ...(oldValues && { oldValues }),
    referenceLogProbabilities,
    beta: Float32Array.of(beta),
  };
}

/** Rows `from` … `from + rows − 1` of a rollout as the loss takes them. The tensors are the caller's. */
export function rolloutBatch(
  rollout: Rollout,
  shapes: InputShapes,
  values: InputValues,
  from: number,
  rows: number,
): Batch {
  const { length, responseTokens } = rollout;
  return {
    tokens: tf.tensor2d(
      rollout.tokens.subarray(from * length, (from + rows) * length),
      [rows, length],
      'int32',
    ),
    responseMask: tf.tensor2d(
      rollout.responseMask.subarray(from * responseTokens, (from + rows) * responseTokens),
      [rows, responseTokens],
    ),
    ...lossInputs(shapes, rows, responseTokens, { of: values, from }),
  };
}
