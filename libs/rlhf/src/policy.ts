/** What PPO reads off a policy or value network. B batch, P prompt tokens, R response positions, T = P + R. */
import { tf, type Tensor, type Tensor2D } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { forward, logits, scalarHead, tokenLogProbabilities, type Parameters } from '@plumbline/model';

export interface ResponseShape {
  /** P: every prompt of a batch is equally long. */
  readonly promptLength: number;
  /** Divides the logits, as it did when the response was sampled. */
  readonly temperature: number;
}

/** Hidden states from which the response tokens are predicted, positions P−1 … T−2: [B, T] → [B, R, D]. */
function predictingStates(
  parameters: Parameters,
  model: ModelConfiguration,
  tokens: Tensor,
  promptLength: number,
): Tensor {
  const [batch, length] = tokens.shape as [number, number];
  const hidden = forward(parameters, model, tokens);
  return hidden.slice([0, promptLength - 1, 0], [batch, length - promptLength, -1]);
}

/** log π(response token) in nats at the sampling temperature: tokens int32 [B, T] → [B, R]. */
export function responseLogProbabilities(
  parameters: Parameters,
  model: ModelConfiguration,
  tokens: Tensor,
  { promptLength, temperature }: ResponseShape,
): Tensor2D {
  const [batch, length] = tokens.shape as [number, number];
  const states = predictingStates(parameters, model, tokens, promptLength);
  const responses = tokens.slice([0, promptLength], [batch, length - promptLength]);
  const scaled = logits(parameters, states).mul(tf.scalar(1 / temperature));
  return tokenLogProbabilities(scaled, responses) as Tensor2D;
}

/** Value before each response token: tokens int32 [B, T] → [B, R]. */
export function responseValues(
  parameters: Parameters,
  model: ModelConfiguration,
  tokens: Tensor,
  { promptLength }: Pick<ResponseShape, 'promptLength'>,
): Tensor2D {
  return scalarHead(parameters, predictingStates(parameters, model, tokens, promptLength)) as Tensor2D;
}
