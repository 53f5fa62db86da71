import type { BestOfFrontierPoint, Frontier, FrontierPoint, PolicyFrontierPoint } from '@plumbline/contracts';
import { bestOfNKlBound } from '@plumbline/rlhf';
import {
  asEstimate,
  expectedBestOfN,
  fitResampled,
  resampledMeans,
  type ResampledMean,
} from '../overoptimisation/index.js';

/** A response's worth. */
export interface Worth {
  readonly gold: number;
  readonly proxy: number;
}

/** All by prompt, the prompts in the same order. */
export interface FrontierMaterial {
  /** A response of the pretrained model that competes with all others and takes no further part. */
  readonly baseline: readonly Worth[];
  /** [prompt][N] responses of the pretrained model to choose from. */
  readonly samples: readonly (readonly Worth[])[];
  /** Checkpoints of the policy, oldest first. */
  readonly policy: readonly {
    readonly index: number;
    readonly checkpoint: string;
    readonly responses: readonly Worth[];
    /** log π − log π_ref of each response, nats. */
    readonly kl: readonly number[];
  }[];
  readonly seed: number;
}

/** 2, 4, 8 … up to `samples`. */
export function bestOfSizes(samples: number): readonly number[] {
  return Array.from({ length: Math.floor(Math.log2(samples)) }, (_, i) => 2 ** (i + 1));
}

/**
 * Gold and proxy reward against KL. Every interval, also of the fits, comes from one bootstrap over prompts; best-of-n
 * is the mean over all subsets of the N samples (`expectedBestOfN`), its KL the known bound.
 */
export function measureFrontier({ baseline, samples, policy, seed }: FrontierMaterial): Frontier {
  const prompts = baseline.length;
  const perPrompt = samples[0]!.length;
  const beaten = ({ gold }: Worth, prompt: number): number =>
    (Math.sign(gold - baseline[prompt]!.gold) + 1) / 2;
  const quantities: Record<string, number[]> = {};
  /** Mean over the prompt's choices, of which best-of-n makes one out of every n. */
  const chosen = (n: number, worth: (response: Worth, prompt: number) => number): number[] =>
    samples.map((responses, prompt) =>
      expectedBestOfN(
        responses.map(({ proxy }) => proxy),
        responses.map((response) => worth(response, prompt)),
        n,
      ),
    );
  const sizes = bestOfSizes(perPrompt);
  for (const n of [1, ...sizes]) {
    quantities[`best of ${n} gold`] = chosen(n, ({ gold }) => gold);
    quantities[`best of ${n} proxy`] = chosen(n, ({ proxy }) => proxy);
    quantities[`best of ${n} wins`] = chosen(n, beaten);
  }
  for (const { index, responses, kl } of policy) {
    quantities[`policy ${index} gold`] = responses.map(({ gold }) => gold);
    quantities[`policy ${index} proxy`] = responses.map(({ proxy }) => proxy);
    quantities[`policy ${index} wins`] = responses.map(beaten);
    quantities[`policy ${index} kl`] = [...kl];
  }

  const means: Record<string, ResampledMean> = resampledMeans(quantities, { seed, purpose: 'frontier' });
  const estimate = (name: string) => asEstimate(means[name]!, prompts);
  const point = (who: string): Omit<FrontierPoint, 'kl'> => ({
    goldReward: estimate(`${who} gold`),
    proxyReward: estimate(`${who} proxy`),
    goldWinRate: estimate(`${who} wins`),
  });
  const initial = means['best of 1 gold']!;
  return {
    samples: perPrompt,
    pretrained: {
      goldReward: asEstimate(initial, prompts),
      proxyReward: estimate('best of 1 proxy'),
    },
    policy: policy.map(({ index, checkpoint }): PolicyFrontierPoint => ({
      index,
      checkpoint,
      kl: estimate(`policy ${index} kl`),
      ...point(`policy ${index}`),
    })),
    bestOf: sizes.map((n): BestOfFrontierPoint => {
      const kl = bestOfNKlBound(n);
      return { n, kl: { value: kl, low: kl, high: kl, n: prompts }, ...point(`best of ${n}`) };
    }),
    fits: {
      policy: fitResampled({
        form: 'rl',
        initial,
        points: policy.map(({ index }) => ({
          gold: means[`policy ${index} gold`]!,
          kl: means[`policy ${index} kl`]!,
        })),
      }),
      bestOf: fitResampled({
        form: 'best-of-n',
        initial,
        points: sizes.map((n) => ({ gold: means[`best of ${n} gold`]!, kl: bestOfNKlBound(n) })),
      }),
    },
  };
}
