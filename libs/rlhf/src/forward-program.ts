/** Networks that are only looked at, run as the execution plan says. */
import { tf, type Tensor } from '@plumbline/compute';
import type { Parameters } from '@plumbline/model';
import { NamedFunction, type Batch, type ExecutionPlan } from '@plumbline/training';

/** A forward pass: rows in, one tensor of as many rows out. */
export interface ForwardProgram {
  /** The result and the batch are the caller's. @param batch every tensor has the rows as its first axis */
  run(parameters: Parameters, batch: Batch): Tensor;
  dispose(): void;
}

/**
 * `forward` as one program with the precision of the plan's updates: what is compared with them (a reference policy's
 * log-probabilities with the policy's) must be rounded alike. Rows are divided as in updates.
 */
export function forwardProgram(
  name: string,
  forward: (parameters: Parameters, batch: Batch) => Tensor,
  plan: Pick<ExecutionPlan, 'mode' | 'precision' | 'rowShards'>,
): ForwardProgram {
  const program = new NamedFunction(
    name,
    ({ batch, parameters }) => ({ result: { rows: inParts(forward, parameters!, batch!, plan.rowShards) } }),
    plan,
  );
  return {
    run: (parameters, batch) => program.run({ batch, parameters })['result']!['rows']!,
    dispose: () => program.dispose(),
  };
}

/** Parts that TensorFlow computes side by side; one where the rows do not divide. */
function inParts(
  forward: (parameters: Parameters, batch: Batch) => Tensor,
  parameters: Parameters,
  batch: Batch,
  parts: number,
): Tensor {
  const names = Object.keys(batch);
  if (parts === 1 || batch[names[0]!]!.shape[0] % parts !== 0) return forward(parameters, batch);
  const split = names.map((name) => tf.split(batch[name]!, parts, 0));
  return tf.concat(
    Array.from({ length: parts }, (_, part) =>
      forward(parameters, Object.fromEntries(names.map((name, i) => [name, split[i]![part]!]))),
    ),
    0,
  );
}
