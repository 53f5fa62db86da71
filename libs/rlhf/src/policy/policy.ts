/** What is read off a policy or value network. B batch, P prompt tokens, R response positions, T = P + R. */
import { tf, type Tensor, type Tensor2D } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import {
  forward,
  logits,
  scalarHead,
  tokenLogProbabilities,
  tokenLogProbabilitiesAndEntropy,
  type Parameters,
} from '@plumbline/model';
import { policyParameters, valueParameters, type ValueNetwork } from './actor-critic.js';

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

/** Logits at the sampling temperature of the response positions alone, and the tokens there. */
function responseLogits(
  parameters: Parameters,
  states: Tensor,
  tokens: Tensor,
  { promptLength, temperature }: ResponseShape,
): { scaled: Tensor; responses: Tensor } {
  const [batch, length] = tokens.shape as [number, number];
  return {
    scaled: logits(parameters, states).mul(tf.scalar(1 / temperature)),
    responses: tokens.slice([0, promptLength], [batch, length - promptLength]),
  };
}

/** log π(response token) in nats at the sampling temperature: tokens int32 [B, T] → [B, R]. */
export function responseLogProbabilities(
  parameters: Parameters,
  model: ModelConfiguration,
  tokens: Tensor,
  shape: ResponseShape,
): Tensor2D {
  const states = predictingStates(parameters, model, tokens, shape.promptLength);
  const { scaled, responses } = responseLogits(parameters, states, tokens, shape);
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

/** Of each response token, [B, R]. */
export interface PolicyOutputs {
  /** log π in nats at the sampling temperature. */
  readonly logProbabilities: Tensor;
  /** Of the distribution that the token is from, in nats; has no gradient. */
  readonly entropy: Tensor;
}

/** A policy's outputs, and the value before each token where there is a value function, by either network. */
export function policyOutputs(
  parameters: Parameters,
  model: ModelConfiguration,
  tokens: Tensor,
  shape: ResponseShape,
  network: 'none',
): PolicyOutputs;
export function policyOutputs(
  parameters: Parameters,
  model: ModelConfiguration,
  tokens: Tensor,
  shape: ResponseShape,
  network: ValueNetwork,
): PolicyOutputs & { readonly values: Tensor };
export function policyOutputs(
  parameters: Parameters,
  model: ModelConfiguration,
  tokens: Tensor,
  shape: ResponseShape,
  network: ValueNetwork | 'none',
): PolicyOutputs & { readonly values?: Tensor } {
  const policy = policyParameters(parameters);
  const states = predictingStates(policy, model, tokens, shape.promptLength);
  const { scaled, responses } = responseLogits(policy, states, tokens, shape);
  const outputs = tokenLogProbabilitiesAndEntropy(scaled, responses);
  if (network === 'none') return outputs;
  const value = valueParameters(parameters);
  return {
    ...outputs,
    values: network === 'shared' ? scalarHead(value, states) : responseValues(value, model, tokens, shape),
  };
}
