import { tf } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import type { Parameters } from './parameters.js';
import { forward, logits, tokenLogProbabilities } from './transformer.js';

/**
 * Log-probability (nats) of each token after the first, given those before it: T tokens → T−1 numbers.
 *
 * @throws RangeError when there are no tokens, more than the context holds, or one that the vocabulary lacks.
 */
export function scoreTokens(
  parameters: Parameters,
  config: ModelConfiguration,
  tokens: readonly number[],
): number[] {
  checkTokens(config, tokens);
  if (tokens.length === 1) return [];
  const scores = tf.tidy(() => {
    const inputs = tf.tensor2d([...tokens.slice(0, -1)], [1, tokens.length - 1], 'int32');
    const targets = tf.tensor2d([...tokens.slice(1)], [1, tokens.length - 1], 'int32');
    return tokenLogProbabilities(logits(parameters, forward(parameters, config, inputs)), targets);
  });
  const values = Array.from(scores.dataSync());
  scores.dispose();
  return values;
}

/** @throws RangeError when there are no tokens, more than the context holds, or one that the vocabulary lacks. */
export function checkTokens(config: ModelConfiguration, tokens: readonly number[]): void {
  const { context, vocabulary } = config;
  if (tokens.length === 0) throw new RangeError('there are no tokens');
  if (tokens.length > context) {
    throw new RangeError(`${tokens.length} tokens do not fit the model's context of ${context}`);
  }
  const unknown = tokens.find((token) => !Number.isInteger(token) || token < 0 || token >= vocabulary);
  if (unknown !== undefined) {
    throw new RangeError(`token ${unknown} is not in the model's vocabulary (0 … ${vocabulary - 1})`);
  }
}
