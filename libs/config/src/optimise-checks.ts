/** Sizes of `optimise` that must divide one another, and keys that its algorithm does not read. */
import {
  ALGORITHM_INPUTS,
  type Algorithm,
  type OptimiseConfiguration,
  type RunConfiguration,
} from '@plumbline/contracts';
import type { ConfigurationProblem } from './configuration-error.js';

/** Keys that not every algorithm reads, and those that do. */
export const READ_BY: Readonly<Partial<Record<keyof OptimiseConfiguration, readonly Algorithm[]>>> = {
  whitenRewards: ['ppo'],
  whitenAdvantages: ['ppo'],
  value: ['ppo'],
  targetKl: ['ppo', 'rloo', 'grpo'],
  missingEndOfText: ['ppo', 'rloo', 'grpo', 'best-of-n'],
  heldOutPrompts: ['ppo', 'rloo', 'grpo', 'dpo'],
  rloo: ['rloo'],
  grpo: ['grpo'],
  dpo: ['dpo'],
  bestOfN: ['best-of-n'],
};

export function optimiseProblems({ optimise, step, inputs }: RunConfiguration): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = [];
  const refuse = (key: string, message: string) => problems.push({ path: `optimise.${key}`, message });
  const { algorithm, batch, minibatches, accumulation = 1, kl, value } = optimise;

  for (const [key, readers] of Object.entries(READ_BY)) {
    const given = optimise[key as keyof OptimiseConfiguration];
    if (given === undefined || given === false || given === 0 || readers.includes(algorithm)) continue;
    refuse(key, `optimise.algorithm ${algorithm} does not read it (${readers.join(', ')})`);
  }
  if (batch % minibatches !== 0) {
    refuse('batch', `${batch} must be divisible by optimise.minibatches (${minibatches})`);
  } else if ((batch / minibatches) % accumulation !== 0) {
    refuse(
      'accumulation',
      `a minibatch of ${batch / minibatches} must be divisible by optimise.accumulation (${accumulation})`,
    );
  }
  const [group, key] = responsesPerPrompt(optimise);
  if (batch % group !== 0) refuse('batch', `${batch} must be divisible by optimise.${key} (${group})`);
  if (algorithm === 'dpo' && minibatches !== 1) {
    refuse('minibatches', 'must be 1: every batch of pairs is an update of DPO');
  }
  if (kl.placement === 'loss' && (kl.estimator ?? 'k1') === 'k1') {
    refuse(
      'kl.estimator',
      'k1 in the loss has a gradient of mean 0 and penalises nothing; k2 or k3 must stand there',
    );
  }
  if (value?.network === 'shared' && value.start !== undefined) {
    refuse('value.start', 'a shared value network starts as the policy does');
  }
  if (step === 'optimise') {
    for (const name of ALGORITHM_INPUTS[algorithm]) {
      if (inputs[name] !== undefined) continue;
      problems.push({ path: `inputs.${name}`, message: `step optimise needs it for algorithm ${algorithm}` });
    }
  }
  return problems;
}

/** Responses to the same prompt, and the key that says so. */
function responsesPerPrompt({ rloo, grpo, bestOfN }: OptimiseConfiguration): readonly [number, string] {
  if (rloo) return [rloo.responsesPerPrompt, 'rloo.responsesPerPrompt'];
  if (grpo) return [grpo.responsesPerPrompt, 'grpo.responsesPerPrompt'];
  if (bestOfN) return [bestOfN.n, 'bestOfN.n'];
  return [1, ''];
}
