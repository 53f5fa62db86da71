/** Steps as people read them. */
const NAMES: Readonly<Record<string, string>> = {
  pretrain: 'Pretrain',
  sample: 'Sample',
  collect: 'Collect',
  reward: 'Reward model',
  optimise: 'Optimise',
  evaluate: 'Evaluate',
};

/** What a step does, in half a line. */
const PURPOSES: Readonly<Record<string, string>> = {
  pretrain: 'Tokenizer and language model from the corpus',
  sample: 'Responses to compare, drawn from the model',
  collect: 'Judgements of labelers',
  reward: 'A model of those judgements',
  optimise: 'PPO against the reward model, held near the reference policy',
  evaluate: 'Gold reward, win rate and KL on held-out prompts',
};

export function stepName(step: string): string {
  return NAMES[step] ?? step;
}
export function stepPurpose(step: string): string {
  return PURPOSES[step] ?? '';
}
