import type { RunDetail, StepName } from '../api/types.js';
import { isActive } from '../ui/status-badge.js';

/** The pipeline, in its order. */
export const PIPELINE = [
  'pretrain',
  'sft',
  'sample',
  'collect',
  'reward',
  'optimise',
  'evaluate',
] as const satisfies readonly StepName[];

/** Steps as people read them. */
const NAMES: Readonly<Record<string, string>> = {
  pretrain: 'Pretrain',
  sft: 'Fine-tune',
  sample: 'Sample',
  collect: 'Collect',
  reward: 'Reward model',
  optimise: 'Optimise',
  evaluate: 'Evaluate',
};

/** What a step does, in half a line. */
const PURPOSES: Readonly<Record<string, string>> = {
  pretrain: 'Tokenizer and language model from the corpus',
  sft: 'Supervised fine-tuning on prompts with completions',
  sample: 'Responses to compare, drawn from the model',
  collect: 'Judgements of labelers',
  reward: 'A model of those judgements',
  optimise: 'A policy that answers as people prefer, held near the reference policy',
  evaluate: 'Gold reward, win rate and KL on held-out prompts',
};

export function stepName(step: string): string {
  return NAMES[step] ?? step;
}
export function stepPurpose(step: string): string {
  return PURPOSES[step] ?? '';
}

/** The steps that a run has still to begin. */
export function stepsAhead(run: RunDetail): string[] {
  if (!isActive(run.status)) return [];
  const begun = run.steps.map((step) => step.name);
  const alone = run.configuration.step;
  if (typeof alone === 'string') return begun.length === 0 ? [alone] : [];
  // Where a fork sets in is known once it has begun.
  if (begun.length === 0 && run.forkedFrom !== null) return [];
  const last = Math.max(-1, ...begun.map((name) => (PIPELINE as readonly string[]).indexOf(name)));
  return PIPELINE.slice(last + 1).filter((name) => name !== 'sft' || run.configuration['sft'] !== undefined);
}
