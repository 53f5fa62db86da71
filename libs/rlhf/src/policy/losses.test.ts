import { loadTensorFlow, tf, type Tensor } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { fromTensorMap, initialise, toTensorMap, type Parameters } from '@plumbline/model';
import { Trainer, type Batch } from '@plumbline/training';
import { beforeAll, describe, expect, it } from 'vitest';
import { initialActorCritic, valueParameters } from './actor-critic.js';
import { responseLogProbabilities, responseValues } from './policy.js';
import { ppoLoss, type PpoLossOptions } from './ppo-loss.js';
import { initialRewardModel, scoreSequences } from '../reward/reward-model.js';

const model: ModelConfiguration = { layers: 1, heads: 2, width: 8, context: 8, vocabulary: 20 };
const options: PpoLossOptions = {
  promptLength: 2,
  temperature: 0.7,
  clip: 0.2,
  valueClip: 0.2,
  valueCoefficient: 0.5,
};
/** Two sequences of two prompt and three response tokens; the second response is one token long. */
const responseMask = [
  [1, 1, 1],
  [1, 0, 0],
];

let rewardModel: Parameters;
let actorCritic: Parameters;
let tokens: Tensor;
let logProbabilities: Tensor;
let values: Tensor;

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
  const transformer = toTensorMap(initialise(model, 1));
  const weights = initialRewardModel(transformer, model.width, 1);
  rewardModel = fromTensorMap(weights);
  const both = initialActorCritic(transformer, weights);
  // A value head other than zero, so that values differ.
  actorCritic = fromTensorMap({ ...both, 'value.score.weight': weights['score.weight']! });
  tokens = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 0, 0], [2, 5], 'int32');
  logProbabilities = responseLogProbabilities(actorCritic, model, tokens, options);
  values = responseValues(valueParameters(actorCritic), model, tokens, options);
});

/** A batch in which nothing has moved yet: old = new, advantages 0, returns = values. */
function batch(changes: Partial<Record<string, Tensor>> = {}): Batch {
  return {
    tokens,
    responseMask: tf.tensor2d(responseMask),
    oldLogProbabilities: logProbabilities,
    oldValues: values,
    advantages: tf.zeros([2, 3]),
    returns: values,
    ...changes,
  };
}

function measured(changes: Partial<Record<string, Tensor>> = {}): Record<string, number> {
  const { loss, metrics } = ppoLoss(actorCritic, model, batch(changes), options);
  const numbers = Object.entries({ loss, ...metrics }).map(([name, value]) => [name, value.dataSync()[0]!]);
  return Object.fromEntries(numbers) as Record<string, number>;
}

/** As if the policy had made every token `factor` times as likely since the rollout. */
const moved = (factor: number): Tensor => logProbabilities.sub(Math.log(factor));

describe('PPO loss', () => {
  it('before any step: ratio 1, nothing clipped, minus the mean advantage of response tokens', () => {
    const metrics = measured({
      advantages: tf.tensor2d([
        [1, 2, 3],
        [-2, 100, 100],
      ]),
    });
    expect(metrics).toMatchObject({
      ratio: 1,
      approximateKl: 0,
      clipFraction: 0,
      valueLoss: 0,
      valueClipFraction: 0,
    });
    expect(metrics['policyLoss']).toBeCloseTo(-1, 6);
    expect(metrics['loss']).toBeCloseTo(-1, 6);
  });

  it('stops rewarding a ratio beyond the clip range, and never stops punishing it', () => {
    const gained = measured({ oldLogProbabilities: moved(1.5), advantages: tf.ones([2, 3]) });
    expect(gained['policyLoss']).toBeCloseTo(-1.2, 5);
    expect(gained['clipFraction']).toBe(1);
    expect(gained['ratio']).toBeCloseTo(1.5, 5);
    expect(gained['approximateKl']).toBeCloseTo(Math.log(1.5) ** 2 / 2, 5);
    const punished = measured({ oldLogProbabilities: moved(1.5), advantages: tf.ones([2, 3]).neg() });
    expect(punished['policyLoss']).toBeCloseTo(1.5, 5);
    expect(punished['clipFraction']).toBe(0);
    const lost = measured({ oldLogProbabilities: moved(0.5), advantages: tf.ones([2, 3]).neg() });
    expect(lost['policyLoss']).toBeCloseTo(0.8, 5);
  });

  it('gives no gradient to the policy where clipping decides', () => {
    const gradientNorm = (oldLogProbabilities: Tensor): number => {
      const trainer = new Trainer({
        loss: (parameters, given) => ppoLoss(parameters, model, given, { ...options, valueCoefficient: 0 }),
        maximumGradientNorm: 1e9,
        weights: toTensorMap(actorCritic),
      });
      const { metrics } = trainer.evaluate(batch({ oldLogProbabilities, advantages: tf.ones([2, 3]) }));
      trainer.dispose();
      return metrics['gradientNorm']!;
    };
    expect(gradientNorm(moved(1.5))).toBe(0);
    expect(gradientNorm(moved(1.1))).toBeGreaterThan(0);
  });

  it('takes the worse of the value and the value kept near its old one', () => {
    // Values have risen by 1 to the returns; within the clip range they may rise by 0.2, and miss by 0.8.
    const metrics = measured({ oldValues: values.sub(1) });
    expect(metrics['valueLoss']).toBeCloseTo(0.32, 5);
    expect(metrics['valueClipFraction']).toBe(1);
    expect(metrics['loss']).toBeCloseTo(0.16, 5);
    expect(measured({ returns: values.add(0.1) })['valueLoss']).toBeCloseTo(0.005, 5);
  });
});

describe('response log-probabilities', () => {
  it('are those of each token given what came before it, at the temperature', () => {
    const uniformModel = fromTensorMap(
      Object.fromEntries(
        Object.entries(toTensorMap(initialise(model, 1))).map(([name, tensor]) => [
          name,
          name === 'wte.weight' ? { ...tensor, data: new Float32Array(tensor.data.length) } : tensor,
        ]),
      ),
    );
    const even = responseLogProbabilities(uniformModel, model, tokens, options);
    for (const value of even.dataSync()) expect(value).toBeCloseTo(-Math.log(20), 5);
    // A later token changes no earlier log-probability.
    const changed = tf.tensor2d([1, 2, 3, 4, 9, 6, 7, 8, 0, 0], [2, 5], 'int32');
    const after = responseLogProbabilities(actorCritic, model, changed, options).dataSync();
    const before = logProbabilities.dataSync();
    expect([...after.slice(0, 2)]).toEqual([...before.slice(0, 2)]);
    expect(after[2]).not.toBe(before[2]);
  });

  it('are sharper at a lower temperature', () => {
    const cold = responseLogProbabilities(actorCritic, model, tokens, { ...options, temperature: 0.01 });
    const spread = (x: Tensor): number => tf.moments(x).variance.dataSync()[0]!;
    expect(spread(cold)).toBeGreaterThan(100 * spread(logProbabilities));
  });
});

describe('reward model', () => {
  it('scores the last response token, whatever is padded after it', async () => {
    const sequence = { promptTokens: [1, 2], responseTokens: [3] };
    const [short] = await scoreSequences(rewardModel, model, [sequence], { length: 3 });
    const [padded] = await scoreSequences(rewardModel, model, [sequence], { length: 7 });
    expect(padded).toBeCloseTo(short!, 5);
    const [longer] = await scoreSequences(rewardModel, model, [{ ...sequence, responseTokens: [3, 4] }], {
      length: 7,
    });
    expect(longer).not.toBeCloseTo(short!, 3);
  });
});
