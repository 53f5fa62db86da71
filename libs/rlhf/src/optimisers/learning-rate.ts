import type { OptimiseSettings } from './optimise-settings.js';

/**
 * Learning rate of an iteration's updates. Linear warm-up from peak/warmup to the peak, then, over the iterations that are
 * left, linear to 0 (reached after the last one, as lm-human-preferences has it), along half a cosine to 0, or constant.
 * TRL and lm-human-preferences step by iteration, too, not by update.
 * @param iteration 0-based
 */
export function iterationLearningRate(
  { learningRate, schedule, warmup }: Pick<OptimiseSettings, 'learningRate' | 'schedule' | 'warmup'>,
  iteration: number,
  total: number,
): number {
  if (iteration < warmup) return (learningRate * (iteration + 1)) / warmup;
  const progress = Math.min(1, (iteration - warmup) / Math.max(1, total - warmup));
  switch (schedule) {
    case 'linear':
      return learningRate * (1 - progress);
    case 'cosine':
      return (learningRate * (1 + Math.cos(Math.PI * progress))) / 2;
    case 'constant':
      return learningRate;
  }
}
