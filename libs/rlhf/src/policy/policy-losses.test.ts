/** What the losses of RLOO, GRPO and DPO are, and what all policy losses share: KL in the loss, micro-batches. */
import { loadTensorFlow, normals, tf, type Tensor } from '@plumbline/compute';
import type { ModelConfiguration, OptimiseConfiguration } from '@plumbline/contracts';
import { fromTensorMap, initialise, toTensorMap, type Parameters } from '@plumbline/model';
import { Trainer, type Batch, type LossValue } from '@plumbline/training';
import { beforeAll, describe, expect, it } from 'vitest';
import { initialActorCritic } from './actor-critic.js';
import { dpoLoss } from './dpo-loss.js';
import { klEstimators } from '../kl/kl-estimators.js';
import { completeSettings } from '../optimisers/optimise-settings.js';
import { grpoLoss } from '../optimisers/grpo.js';
import { grpo, ppo, rloo } from '../optimisers/index.js';
import { rlooLoss } from '../optimisers/rloo.js';
import { klPenalties } from './policy-loss.js';
import { policyOutputs, responseLogProbabilities } from './policy.js';
import { initialRewardModel } from '../reward/reward-model.js';

const model: ModelConfiguration = { layers: 1, heads: 2, width: 8, context: 8, vocabulary: 20 };
const shape = { promptLength: 2, temperature: 0.7 };
/** Two sequences of two prompt and three response tokens; the second response is one token long. */
const responseMask = [
  [1, 1, 1],
  [1, 0, 0],
];

let policy: Parameters;
let tokens: Tensor;
let logProbabilities: Tensor;

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
  policy = initialise(model, 1);
  tokens = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 0, 0], [2, 5], 'int32');
  logProbabilities = responseLogProbabilities(policy, model, tokens, shape);
});

function numbers({ loss, metrics }: LossValue): Record<string, number> {
  return Object.fromEntries(
    Object.entries({ loss, ...metrics }).map(([name, value]) => [name, value.dataSync()[0]!]),
  );
}

/** As if the policy had made every token `factor` times as likely since the rollout. */
const moved = (factor: number): Tensor => logProbabilities.sub(Math.log(factor));

function batch(changes: Partial<Record<string, Tensor>> = {}): Batch {
  return {
    tokens,
    responseMask: tf.tensor2d(responseMask),
    oldLogProbabilities: logProbabilities,
    advantages: tf.tensor1d([1, -2]),
    ...changes,
  };
}

describe('RLOO loss', () => {
  const of = (changes: Partial<Record<string, Tensor>>) =>
    numbers(rlooLoss(policy, model, batch(changes), { ...shape, clip: 0.2 }));

  it('is minus the mean advantage of responses before any step', () => {
    expect(of({})).toMatchObject({ loss: 0.5, ratio: 1, approximateKl: 0, clipFraction: 0 });
  });

  it('takes the whole response for one action: its ratio is the product of its tokens’', () => {
    // 1.05³ = 1.1576 and 1.05: (−1.1576 + 2·1.05)/2
    const found = of({ oldLogProbabilities: moved(1.05) });
    expect(found['loss']).toBeCloseTo((2 * 1.05 - 1.05 ** 3) / 2, 5);
    expect(found['clipFraction']).toBe(0);
    expect(found['approximateKl']).toBeCloseTo((9 + 1) * (Math.log(1.05) ** 2 / 4), 6);
    // 1.1³ = 1.331 is beyond 1.2; the other response is not.
    const clipped = of({ oldLogProbabilities: moved(1.1) });
    expect(clipped['loss']).toBeCloseTo((2 * 1.1 - 1.2) / 2, 5);
    expect(clipped['clipFraction']).toBe(0.5);
  });

  it('has the gradient of REINFORCE: that of −A·log π, summed over the response', () => {
    const gradientOf = (loss: (parameters: Parameters) => Tensor): Float32Array => {
      const name = 'wte.weight';
      const gradient = tf.grad((x: Tensor) => loss({ ...policy, [name]: x }).asScalar())(policy[name]!);
      return gradient.dataSync() as Float32Array;
    };
    const found = gradientOf(
      (parameters) => rlooLoss(parameters, model, batch(), { ...shape, clip: 0.2 }).loss,
    );
    const expected = gradientOf((parameters) =>
      responseLogProbabilities(parameters, model, tokens, shape)
        .mul(tf.tensor2d(responseMask))
        .sum(1)
        .mul(tf.tensor1d([-1, 2]))
        .mean(),
    );
    found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
  });
});

describe('GRPO loss', () => {
  /** At ratio 1 every token of a response costs minus its advantage: 3 tokens of −1, 1 token of 2. */
  it.each([
    // (−1 + 2)/2, (−3 + 2)/4, (−3 + 2)/(2·3)
    ['sequence', 0.5],
    ['token', -0.25],
    ['constant', -1 / 6],
  ] as const)('averages by %s', (lossNormalisation, expected) => {
    const found = numbers(grpoLoss(policy, model, batch(), { ...shape, clip: 0.2, lossNormalisation }));
    expect(found['loss']).toBeCloseTo(expected, 5);
    expect(found).toMatchObject({ ratio: 1, approximateKl: 0, clipFraction: 0 });
  });

  it('clips token by token', () => {
    const found = numbers(
      grpoLoss(policy, model, batch({ oldLogProbabilities: moved(1.5) }), {
        ...shape,
        clip: 0.2,
        lossNormalisation: 'sequence',
      }),
    );
    expect(found['loss']).toBeCloseTo((-1.2 + 3) / 2, 5);
    expect(found['clipFraction']).toBeCloseTo(3 / 4, 6);
  });
});

describe('the KL estimators in the loss', () => {
  it.each(['k1', 'k2', 'k3'] as const)('%s is that of numbers', (name) => {
    const ratios = [-0.7, -0.1, 0, 0.1, 1.3];
    const found = klPenalties(tf.tensor1d(ratios), name).arraySync() as number[];
    found.forEach((value, i) => expect(value).toBeCloseTo(klEstimators[name](ratios[i]!), 6));
  });

  it('pull to different things: k1 to nothing, k2 to KL(π‖ref), k3 to KL(ref‖π)', () => {
    const reference = [0.5, 0.3, 0.2];
    const now = tf.tensor1d([0.1, -0.4, 0.3]);
    const log = (logits: Tensor): Tensor => tf.logSoftmax(logits.as1D());
    const logReference = tf.tensor1d(reference.map(Math.log));
    /** Mean gradient over samples of π, exactly: each outcome weighted by its probability, which has no gradient. */
    const sampled = (name: 'k1' | 'k2' | 'k3'): number[] => {
      const weights = log(now).exp();
      return tf
        .grad((x: Tensor) => klPenalties(log(x).sub(logReference), name).mul(weights).sum())(now)
        .arraySync() as number[];
    };
    const reverse = tf
      .grad((x: Tensor) => log(x).exp().mul(log(x).sub(logReference)).sum())(now)
      .arraySync() as number[];
    const forward = tf
      .grad((x: Tensor) =>
        tf
          .tensor1d(reference)
          .mul(logReference.sub(log(x)))
          .sum(),
      )(now)
      .arraySync() as number[];
    const close = (found: number[], expected: number[]) =>
      found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
    close(sampled('k1'), [0, 0, 0]);
    close(sampled('k2'), reverse);
    close(sampled('k3'), forward);
    expect(Math.abs(reverse[0]! - forward[0]!)).toBeGreaterThan(0.01);
  });

  it.each([
    ['ppo', ppo, 3 / 4],
    ['rloo', rloo, 3 / 2],
    ['grpo', grpo, 0.5],
  ] as const)('β times their mean is added by %s', (algorithm, optimiser, share) => {
    const kl = { controller: 'fixed', coefficient: 1, target: 6, horizon: 1 } as const;
    const own = { [algorithm]: { responsesPerPrompt: 2 } };
    const settings = (placement: 'loss' | 'reward') =>
      completeSettings({
        ...{ clip: 0.2, valueClip: 0.2, valueCoefficient: 0.5, ...own },
        kl: { ...kl, estimator: 'k2', placement },
      } as OptimiseConfiguration);
    const weights = toTensorMap(policy);
    const all = fromTensorMap(
      algorithm === 'ppo'
        ? initialActorCritic(weights, initialRewardModel(weights, model.width, 1))
        : weights,
    );
    const perToken = tf.zeros([2, 3]);
    const given = batch({
      // Each token of the first response has moved by one nat, that of the second not at all.
      referenceLogProbabilities: logProbabilities.sub(
        tf.tensor2d([
          [1, 1, 1],
          [0, 9, 9],
        ]),
      ),
      beta: tf.scalar(0.25),
      ...(algorithm === 'ppo' && { advantages: perToken, oldValues: perToken, returns: perToken }),
    });
    const [without, within] = (['reward', 'loss'] as const).map((placement) =>
      numbers(optimiser.loss(model, settings(placement), shape)(all, given)),
    );
    // k2 of one nat is ½: over 3 of 4 tokens, summed over a response and averaged, averaged over a response.
    expect(within!['klLoss']).toBeCloseTo(0.5 * share, 5);
    expect(within!['loss']! - without!['loss']!).toBeCloseTo(0.25 * 0.5 * share, 5);
  });
});

describe('DPO loss', () => {
  const pair = { first: [1, 2, 3, 4, 5], second: [1, 2, 8, 9, 7] };
  const pairMask = (): Tensor =>
    tf.tensor2d([
      [1, 1, 1],
      [1, 1, 0],
    ]);

  /** One pair whose first response has gained `h` nats on the second, against the reference. */
  function of(h: number, target: number, options: { loss: 'sigmoid' | 'ipo'; labelSmoothing?: number }) {
    const pairTokens = tf.tensor2d([...pair.first, ...pair.second], [2, 5], 'int32');
    const sums = responseLogProbabilities(policy, model, pairTokens, shape).mul(pairMask()).sum(1);
    return numbers(
      dpoLoss(
        policy,
        model,
        {
          tokens: pairTokens,
          responseMask: pairMask(),
          reference: sums.sub(tf.tensor1d([h, 0])),
          targets: tf.tensor1d([target]),
          weights: tf.tensor1d([1]),
        },
        { ...shape, beta: 0.5, ...options },
      ),
    );
  }

  it('is −log σ(βh), for a tie its mean both ways', () => {
    const sigmoid = { loss: 'sigmoid' } as const;
    expect(of(0, 1, sigmoid)['loss']).toBeCloseTo(0.693147, 5);
    // −log σ(1) and −log σ(−1), and their mean: the Bradley-Terry losses of a gap of 1
    expect(of(2, 1, sigmoid)['loss']).toBeCloseTo(0.313262, 4);
    expect(of(2, 0, sigmoid)['loss']).toBeCloseTo(1.313262, 4);
    expect(of(2, 0.5, sigmoid)['loss']).toBeCloseTo(0.813262, 4);
    expect(of(2, 1, { ...sigmoid, labelSmoothing: 0.1 })['loss']).toBeCloseTo(0.413262, 4);
    expect(of(2, 1, sigmoid)).toMatchObject({ 'rewards/accuracies': 1 });
    expect(of(2, 0, sigmoid)).toMatchObject({ 'rewards/accuracies': 0 });
    expect(of(2, 1, sigmoid)['rewards/margins']).toBeCloseTo(1, 5);
    expect(of(2, 0, sigmoid)['rewards/margins']).toBeCloseTo(-1, 5);
  });

  it('is by IPO the squared distance of h from ±1/2β, of a tie from 0', () => {
    const ipo = { loss: 'ipo' } as const;
    expect(of(1, 1, ipo)['loss']).toBeCloseTo(0, 8);
    expect(of(3, 1, ipo)['loss']).toBeCloseTo(4, 4);
    expect(of(3, 0, ipo)['loss']).toBeCloseTo(16, 4);
    expect(of(3, 0.5, ipo)['loss']).toBeCloseTo(9, 4);
  });

  it('does not see what stands before or after a response', () => {
    const compare = (last: number) => {
      const pairTokens = tf.tensor2d([...pair.first, ...pair.second.slice(0, 4), last], [2, 5], 'int32');
      return numbers(
        dpoLoss(
          policy,
          model,
          {
            tokens: pairTokens,
            responseMask: pairMask(),
            reference: tf.zeros([2]),
            targets: tf.tensor1d([1]),
            weights: tf.tensor1d([1]),
          },
          { ...shape, beta: 0.5, loss: 'sigmoid' },
        ),
      )['loss'];
    };
    expect(compare(7)).toBe(compare(11));
  });
});

describe('the outputs of a policy', () => {
  it('have the entropy of each token’s distribution', () => {
    const { entropy, logProbabilities: found } = policyOutputs(policy, model, tokens, shape, 'none');
    expect([...found.dataSync()]).toEqual([...logProbabilities.dataSync()]);
    // An untrained model is all but uniform over its 20 tokens.
    for (const value of entropy.dataSync()) {
      expect(value).toBeLessThan(Math.log(20));
      expect(value).toBeGreaterThan(Math.log(20) - 0.05);
    }
    const cold = policyOutputs(policy, model, tokens, { ...shape, temperature: 0.001 }, 'none').entropy;
    for (const value of cold.dataSync()) expect(value).toBeLessThan(1.5);
  });
});

describe('micro-batches', () => {
  const cases = [
    ['ppo', ppo, {}],
    ['rloo', rloo, { rloo: { responsesPerPrompt: 2 } }],
    ['grpo by sequence', grpo, { grpo: { responsesPerPrompt: 2 } }],
    ['grpo by token', grpo, { grpo: { responsesPerPrompt: 2, lossNormalisation: 'token' } }],
    ['grpo by a constant', grpo, { grpo: { responsesPerPrompt: 2, lossNormalisation: 'constant' } }],
  ] as const;

  it.each(cases)('make the update that their rows together make, by %s', (_, optimiser, changes) => {
    const settings = completeSettings({
      ...{ clip: 0.2, valueClip: 0.2, valueCoefficient: 0.5, ...changes },
      kl: {
        ...{ controller: 'fixed', coefficient: 1, target: 6, horizon: 1 },
        ...{ estimator: 'k3', placement: 'loss' },
      },
    } as OptimiseConfiguration);
    const transformer = toTensorMap(policy);
    const reward = initialRewardModel(transformer, model.width, 1);
    const weights = optimiser.initialWeights(transformer, reward, settings);
    // Responses of lengths 1, 2, 3, 3: parts of unequal numbers of tokens.
    const mask = [1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1];
    const all: Record<string, Tensor> = {
      tokens: tf.tensor2d(
        Int32Array.from({ length: 20 }, (_, i) => (7 * i) % 19),
        [4, 5],
        'int32',
      ),
      responseMask: tf.tensor2d(mask, [4, 3]),
    };
    for (const [name, kind] of Object.entries(optimiser.inputs(settings))) {
      const near = /LogProbabilities/.test(name) ? -3 : 0;
      if (kind === 'scalar') all[name] = tf.scalar(0.3);
      else {
        const size = kind === 'token' ? [4, 3] : [4];
        all[name] = tf
          .tensor(
            normals(
              1,
              name,
              size.reduce((a, b) => a * b),
            ),
            size,
          )
          .mul(0.1)
          .add(near);
      }
    }
    const parts = [0, 2].map((from) =>
      Object.fromEntries(
        Object.entries(all).map(([name, tensor]) => [
          name,
          tensor.rank === 0 ? tensor : tensor.slice(from, 2),
        ]),
      ),
    );
    const [whole, divided] = [all, parts].map((given) => {
      const trainer = new Trainer({
        loss: optimiser.loss(model, settings, shape),
        adamW: { epsilon: 1e-3, weightDecay: 0 },
        maximumGradientNorm: 1e9,
        weights,
      });
      const { outputs } = trainer.evaluate(given);
      const metrics = trainer.update(given, 0.01);
      const snapshot = trainer.snapshot().weights;
      trainer.dispose();
      return { outputs, metrics, snapshot };
    });
    expect(divided!.metrics['loss']).toBeCloseTo(whole!.metrics['loss']!, 5);
    expect(divided!.metrics['gradientNorm']).toBeCloseTo(whole!.metrics['gradientNorm']!, 4);
    const found = divided!.outputs['logProbabilities']!;
    expect(found).toHaveLength(12);
    whole!.outputs['logProbabilities']!.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 5));
    for (const [name, { data }] of Object.entries(whole!.snapshot))
      data.forEach((value, i) => expect(divided!.snapshot[name]!.data[i]).toBeCloseTo(value, 4));
  });
});
