import type { OptimiseConfiguration } from '@plumbline/contracts';

/**
 * Of how many responses the reward model's favourite is the answer of a policy: n of best-of-n, whose weights are the
 * pretrained model's own; 1 where the policy answers as it samples.
 * @param configuration of a checkpoint that `optimise` wrote, or of any language model
 */
export function responsesToChooseFrom(configuration: unknown): number {
  const { optimise } = configuration as { readonly optimise?: OptimiseConfiguration };
  return (optimise?.algorithm === 'best-of-n' && optimise.bestOfN?.n) || 1;
}
