/**
 * AdamW (Loshchilov and Hutter 2019) as a pure function, with ε in one of two places.
 *
 * PyTorch adds it to the bias-corrected root, √(v/(1−β₂ᵗ)) + ε, as Kingma and Ba's algorithm 1 does. TensorFlow 1 adds
 * it to the root before correction, (√v + ε)/√(1−β₂ᵗ), their "epsilon hat": an ε of ε/√(1−β₂ᵗ), larger in early
 * updates, 32 times in the first one at β₂ = 0.999.
 */
import { tf, type Tensor } from '@plumbline/compute';
import type { Parameters } from '@plumbline/model';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Where ε enters. Absent: pytorch. */
  readonly form?: 'pytorch' | 'tensorflow1';
  /** Of matrices and embeddings; vectors (biases, layer norms) do not decay. */
  readonly weightDecay: number;
}

export const ADAMW_DEFAULTS: AdamWOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };

/** What changes from update to update; as numbers for the host, as scalar tensors for the device. */
export interface AdamWSchedule<Value> {
  readonly learningRate: Value;
  /** Learning rate over 1 − β₁ᵗ. */
  readonly stepSize: Value;
  /** 1 over √(1 − β₂ᵗ). */
  readonly rootScale: Value;
}

/** @param update 1 for the first one, t in the formulas. */
export function adamWSchedule(
  update: number,
  learningRate: number,
  options: AdamWOptions,
): AdamWSchedule<number> {
  return {
    learningRate,
    stepSize: learningRate / (1 - options.beta1 ** update),
    rootScale: 1 / Math.sqrt(1 - options.beta2 ** update),
  };
}

/** Zero moments: `m.<name>` and `v.<name>` for every parameter. */
export function zeroMoments(parameters: Parameters): Parameters {
  const names = Object.keys(parameters);
  return Object.fromEntries(
    ['m', 'v'].flatMap((kind) => names.map((name) => [`${kind}.${name}`, tf.zerosLike(parameters[name]!)])),
  );
}

/** The parameters and moments after one update; the given ones are left as they are. */
export function adamW(
  parameters: Parameters,
  moments: Parameters,
  gradients: Parameters,
  { learningRate, stepSize, rootScale }: AdamWSchedule<Tensor>,
  { beta1, beta2, epsilon, form, weightDecay }: AdamWOptions,
): { parameters: Parameters; moments: Parameters } {
  const newParameters: Record<string, Tensor> = {};
  const newMoments: Record<string, Tensor> = {};
  const kept = weightDecay === 0 ? null : learningRate.mul(-weightDecay).add(1);
  for (const [name, value] of Object.entries(parameters)) {
    const gradient = gradients[name]!;
    const m = moments[`m.${name}`]!.mul(beta1).add(gradient.mul(1 - beta1));
    const v = moments[`v.${name}`]!.mul(beta2).add(gradient.mul(gradient).mul(1 - beta2));
    const root =
      form === 'tensorflow1' ? v.sqrt().add(epsilon).mul(rootScale) : v.sqrt().mul(rootScale).add(epsilon);
    const change = m.div(root).mul(stepSize);
    newParameters[name] = (kept && value.rank > 1 ? value.mul(kept) : value).sub(change);
    newMoments[`m.${name}`] = m;
    newMoments[`v.${name}`] = v;
  }
  return { parameters: newParameters, moments: newMoments };
}
