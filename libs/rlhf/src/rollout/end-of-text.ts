import type { MissingEndOfTextConfiguration } from '@plumbline/contracts';
import type { Rollout } from './rollout.js';

/**
 * Scores with the rule for responses that do not end, [B].
 *
 * `constant`: such a response is worth `value`, whatever the scorer says: OpenAI's lm-human-preferences gives −1 to what
 * has no truncation token, so that the policy learns to end. `penalty`: `value` is subtracted, as TRL's
 * `missing_eos_penalty` is. `off`: the scores stand.
 */
export function settledScores(
  { sequences, scores }: Pick<Rollout, 'sequences' | 'scores'>,
  { rule, value }: MissingEndOfTextConfiguration,
  endOfText: number,
): Float32Array {
  return scores.map((score, row) => {
    if (sequences[row]!.responseTokens.at(-1) === endOfText) return score;
    switch (rule) {
      case 'off':
        return score;
      case 'constant':
        return value;
      case 'penalty':
        return score - value;
    }
  });
}
