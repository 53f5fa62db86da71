import { leakedTensors, loadTensorFlow, tf, type Tensor } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  checkShapes,
  disposeParameters,
  forward,
  forwardCached,
  fromTensorMap,
  initialise,
  logits,
  mapValues,
  parameterShapes,
  randomScalarHead,
  scalarHead,
  tokenLogProbabilities,
  toTensorMap,
  zeroScalarHead,
  type LayerCache,
  type Parameters,
} from './index.js';

const CONFIG = { layers: 2, heads: 2, width: 8, context: 12, vocabulary: 20 };
let parameters: Parameters;

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
  // Larger weights than a fresh model's, so that every path matters to the output.
  const fresh = initialise(CONFIG, 1);
  parameters = Object.fromEntries(
    Object.entries(fresh).map(([name, value]) => [name, value.mul(name.includes('ln_') ? 1 : 10)]),
  );
});

function tokenRows(rows: number[][]): Tensor {
  return tf.tensor2d(rows, [rows.length, rows[0]!.length], 'int32');
}

function largestDifference(a: Tensor, b: Tensor): number {
  expect(a.shape).toEqual(b.shape);
  return tf.tidy(() => a.sub(b).abs().max().dataSync()[0]!);
}

describe('initialise', () => {
  it('is a pure function of configuration and seed with the layout of GPT-2', () => {
    const a = toTensorMap(initialise(CONFIG, 7));
    expect(toTensorMap(initialise(CONFIG, 7))).toEqual(a);
    expect(a['wte.weight']!.data).not.toEqual(toTensorMap(initialise(CONFIG, 8))['wte.weight']!.data);
    expect(a['h.1.attn.c_attn.weight']!.shape).toEqual([8, 24]);
    expect(Object.keys(a)).toHaveLength(2 + 12 * CONFIG.layers + 2);
  });

  it('starts near the uniform distribution', () => {
    const fresh = initialise(CONFIG, 1);
    const tokens = tokenRows([[1, 2, 3, 4, 5, 6]]);
    const next = tokenRows([[7, 8, 9, 10, 11, 12]]);
    const losses = tokenLogProbabilities(logits(fresh, forward(fresh, CONFIG, tokens)), next).neg();
    expect(Math.abs(losses.mean().dataSync()[0]! - Math.log(20))).toBeLessThan(0.1);
  });
});

describe('forward', () => {
  it('sees nothing of later tokens', () => {
    const a = forward(parameters, CONFIG, tokenRows([[1, 2, 3, 4, 5]]));
    const b = forward(parameters, CONFIG, tokenRows([[1, 2, 3, 9, 9]]));
    expect(largestDifference(a.slice([0, 0], [1, 3]), b.slice([0, 0], [1, 3]))).toBeLessThan(1e-5);
    expect(largestDifference(a.slice([0, 3], [1, 1]), b.slice([0, 3], [1, 1]))).toBeGreaterThan(1e-2);
  });

  it('gives a left-padded row what it gives the row alone', () => {
    const alone = forward(parameters, CONFIG, tokenRows([[4, 5, 6]]));
    const padded = forward(
      parameters,
      CONFIG,
      tokenRows([
        [0, 0, 4, 5, 6],
        [1, 2, 3, 4, 5],
      ]),
      {
        positions: tokenRows([
          [0, 0, 0, 1, 2],
          [0, 1, 2, 3, 4],
        ]),
        attentionMask: tokenRows([
          [0, 0, 1, 1, 1],
          [1, 1, 1, 1, 1],
        ]),
      },
    );
    expect(largestDifference(padded.slice([0, 2], [1, 3]), alone)).toBeLessThan(1e-5);
    expect(Number.isFinite(padded.sum().dataSync()[0])).toBe(true);
  });

  it('refuses more tokens than the context holds', () => {
    expect(() => forward(parameters, CONFIG, tf.zeros([1, 13], 'int32'))).toThrow(/context of 12/);
  });

  it('has the gradient that finite differences show', () => {
    const tokens = tokenRows([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ]);
    const loss = (p: Parameters): tf.Scalar =>
      tokenLogProbabilities(logits(p, forward(p, CONFIG, tokens)), tokens)
        .mean()
        .asScalar();
    const names = Object.keys(parameters);
    const gradients = tf.grads((...values: Tensor[]) =>
      loss(Object.fromEntries(names.map((name, i) => [name, values[i]!]))),
    )(names.map((name) => parameters[name]!));
    for (const name of [
      'wte.weight',
      'wpe.weight',
      'h.0.attn.c_attn.weight',
      'h.1.mlp.c_fc.bias',
      'h.0.ln_1.weight',
      'ln_f.bias',
    ]) {
      const gradient = gradients[names.indexOf(name)]!;
      // Along the gradient itself: the slope must be the gradient's norm.
      const norm = gradient.norm().dataSync()[0]!;
      const step = 0.01 / norm;
      const moved = (sign: number): number =>
        loss({
          ...parameters,
          [name]: parameters[name]!.add(gradient.mul((sign * step) / norm)),
        }).dataSync()[0]!;
      const slope = (moved(1) - moved(-1)) / (2 * step);
      expect(slope / norm, name).toBeGreaterThan(0.97);
      expect(slope / norm, name).toBeLessThan(1.03);
    }
  });

  it('leaves only its result', async () => {
    const tokens = tokenRows([[1, 2, 3]]);
    const leaked = await leakedTensors(() => {
      forward(parameters, CONFIG, tokens).dispose();
      const { hidden, cache } = forwardCached(parameters, CONFIG, tokens, []);
      tf.dispose([hidden, cache.map(({ keys, values }) => [keys, values])]);
    });
    expect(leaked).toBe(0);
  });
});

describe('forwardCached', () => {
  it('agrees with forward, token by token, with left padding', () => {
    const rows = [
      [0, 0, 4, 5, 6, 7],
      [1, 2, 3, 4, 5, 6],
    ];
    const positions = [
      [0, 0, 0, 1, 2, 3],
      [0, 1, 2, 3, 4, 5],
    ];
    const mask = [
      [0, 0, 1, 1, 1, 1],
      [1, 1, 1, 1, 1, 1],
    ];
    const whole = forward(parameters, CONFIG, tokenRows(rows), {
      positions: tokenRows(positions),
      attentionMask: tokenRows(mask),
    });
    let cache: LayerCache[] = [];
    for (const [from, to] of [
      [0, 3],
      [3, 4],
      [4, 5],
      [5, 6],
    ] as const) {
      const part = forwardCached(
        parameters,
        CONFIG,
        tokenRows(rows.map((row) => row.slice(from, to))),
        cache,
        {
          positions: tokenRows(positions.map((row) => row.slice(from, to))),
          attentionMask: tokenRows(mask.map((row) => row.slice(0, to))),
        },
      );
      cache = part.cache;
      const first = Math.max(from, 2); // before that the first row is padding
      expect(
        largestDifference(
          part.hidden.slice([0, first - from], [2, to - first]),
          whole.slice([0, first], [2, to - first]),
        ),
      ).toBeLessThan(1e-5);
    }
  });
});

describe('scalar heads', () => {
  it('map hidden states to one number each', () => {
    const hidden = forward(parameters, CONFIG, tokenRows([[1, 2, 3]]));
    expect(scalarHead(zeroScalarHead(8), hidden).arraySync()).toEqual([[0, 0, 0]]);
    const head = randomScalarHead(8, 3);
    const expected = hidden
      .mul(head['score.weight']!.reshape([8]))
      .sum(-1)
      .add(head['score.bias']!);
    expect(largestDifference(scalarHead(head, hidden), expected)).toBeLessThan(1e-5);
  });
});

describe('parameters', () => {
  it('go to host memory and back', () => {
    const map = toTensorMap(parameters);
    const copy = fromTensorMap(map);
    expect(toTensorMap(copy)).toEqual(map);
    disposeParameters(copy);
  });

  it('are checked by name and shape', () => {
    const map = toTensorMap(parameters);
    const shapes = parameterShapes(CONFIG);
    expect(() => checkShapes(map, shapes)).not.toThrow();
    expect(() => checkShapes(map, parameterShapes({ ...CONFIG, context: 11 }))).toThrow(
      'parameter wpe.weight has shape [12, 8], expected [11, 8]',
    );
    expect(() => checkShapes(map, parameterShapes({ ...CONFIG, layers: 3 }))).toThrow(
      'parameter h.2.ln_1.weight is missing',
    );
    expect(() => checkShapes(map, parameterShapes({ ...CONFIG, layers: 1 }))).toThrow('does not belong');
  });
});

interface PackedTensor {
  readonly shape: number[];
  readonly base64: string;
}

/** Made by `fixtures/make_transformer_fixture.py` with Hugging Face's `transformers`. */
const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/transformer.json', import.meta.url), 'utf8'),
) as {
  cases: {
    model: ModelConfiguration;
    parameters: Record<string, PackedTensor>;
    tokens: number[][];
    attentionMask: number[][];
    positions: number[][];
    logits: PackedTensor;
  }[];
};

function unpacked({ shape, base64 }: PackedTensor): Tensor {
  const bytes = Buffer.from(base64, 'base64');
  return tf.tensor(new Float32Array(Uint8Array.from(bytes).buffer), shape);
}

describe('compared with transformers', () => {
  it.each(fixture.cases)('gives the logits of $model', (example) => {
    const { model } = example;
    const weights = mapValues(example.parameters, unpacked);
    checkShapes(weights, parameterShapes(model));
    const hidden = forward(weights, model, tokenRows(example.tokens), {
      positions: tokenRows(example.positions),
      attentionMask: tokenRows(example.attentionMask),
    });
    const ours = logits(weights, hidden);
    const theirs = unpacked(example.logits);
    const seen = tokenRows(example.attentionMask).toFloat().expandDims(2); // nothing is promised of padding
    expect(theirs.mul(seen).abs().max().dataSync()[0]!).toBeGreaterThan(1);
    expect(largestDifference(ours.mul(seen), theirs.mul(seen))).toBeLessThan(1e-4);
  });
});
