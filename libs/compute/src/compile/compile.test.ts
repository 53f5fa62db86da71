import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  callEach,
  compile,
  leakedTensors,
  loadTensorFlow,
  nativeBackend,
  ProgramMismatchError,
  runOp,
  sparseSoftmaxCrossEntropy,
  tf,
  verifyPrograms,
  type NativeBinding,
  type Tensor,
} from '../index.js';
import { withBfloat16Products } from './mixed-precision.js';
import { trace } from './trace.js';

beforeAll(() => {
  loadTensorFlow({ device: 'cpu' });
});

/** One layer with softmax loss: loss and gradients. */
function gradients(x: Tensor, weight: Tensor, labels: Tensor): Tensor[] {
  const { value, grads } = tf.valueAndGrads((w: Tensor) => {
    const hidden = tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D).tanh();
    const expanded = hidden.expandDims(1).tile([1, 2, 1]).mean(1);
    return sparseSoftmaxCrossEntropy(expanded.mul(3), labels).mean().asScalar();
  })([weight]);
  return [value, ...grads];
}

const data = (): [Tensor, Tensor, Tensor] => [
  tf.tensor2d(
    Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)),
    [4, 3],
  ),
  tf.tensor2d(
    Float32Array.from({ length: 15 }, (_, i) => Math.cos(3 * i)),
    [3, 5],
  ),
  tf.tensor1d([0, 1, 4, 2], 'int32'),
];

describe('compile', () => {
  it.each([true, false])('gives what the function gives, gradients included (XLA: %s)', (xla) => {
    const compiled = compile(gradients, { name: 'test', xla });
    const inputs = data();
    const expected = gradients(...inputs);
    for (let run = 0; run < 2; run++) {
      compiled(...inputs).forEach((output, i) => {
        expect(output.shape).toEqual(expected[i]!.shape);
        expect(output.sub(expected[i]!).abs().max().dataSync()[0]!).toBeLessThan(1e-6);
      });
    }
    expect(compiled.mode()).toBe('compiled');
    compiled.dispose();
  });

  it('traces the function for each combination of shapes', () => {
    const fn = vi.fn((x: Tensor): Tensor[] => [x.add(1)]);
    const compiled = compile(fn, { name: 'test' });
    for (const size of [2, 3, 2, 3]) {
      expect(compiled(tf.fill([size], size))[0]!.arraySync()).toEqual(
        Array.from({ length: size }, () => size + 1),
      );
    }
    expect(fn).toHaveBeenCalledTimes(4); // twice for each, to see that it does the same
  });

  it('can return an input or a constant, and several types', () => {
    const compiled = compile((x) => [x, tf.scalar(7), x.greater(1), x.toInt()], { name: 'test' });
    const [same, seven, greater, whole] = compiled(tf.tensor1d([1, 2.5]));
    expect(same!.arraySync()).toEqual([1, 2.5]);
    expect(seven!.arraySync()).toBe(7);
    expect(greater!.dtype).toBe('bool');
    expect(greater!.arraySync()).toEqual([0, 1]);
    expect(whole!.dtype).toBe('int32');
    expect(whole!.arraySync()).toEqual([1, 2]);
  });

  it('tells inputs apart that were one tensor at first', () => {
    const compiled = compile((a, b) => [a.mul(10).add(b), b], { name: 'test' });
    const one = tf.tensor1d([1, 1]);
    expect(compiled(one, one)[0]!.arraySync()).toEqual([11, 11]);
    expect(compiled(one, one.clone())[0]!.arraySync()).toEqual([11, 11]);
    expect(compiled(one, tf.tensor1d([2, 3])).map((output) => output.arraySync())).toEqual([
      [12, 13],
      [2, 3],
    ]);
  });

  it('keeps the tensor count flat', async () => {
    const compiled = compile(gradients, { name: 'test' });
    const inputs = data();
    const leaked = await leakedTensors(() => {
      for (let i = 0; i < 3; i++) tf.dispose(compiled(...inputs));
    });
    expect(leaked).toBe(0);
    compiled.dispose();
  });

  it('warns once and runs op by op what it cannot compile', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const outside = tf.tensor1d([1, 2]).add(0);
    const compiled = compile((x) => [x.mul(outside)], { name: 'the product' });
    for (let i = 0; i < 2; i++) expect(compiled(tf.tensor1d([3, 4]))[0]!.arraySync()).toEqual([3, 8]);
    expect(compiled.mode()).toBe('eager');
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]![0]).toMatch(/^the product runs op by op.*from outside/);
    warn.mockRestore();
  });

  it('compiles the same work once, whoever asks', () => {
    const backend = nativeBackend();
    const original = backend.binding;
    const load = vi.fn(original.loadSavedModel.bind(original));
    backend.binding = Object.create(original, { loadSavedModel: { value: load } }) as NativeBinding;
    for (let i = 0; i < 3; i++) {
      const compiled = compile((x) => [x.mul(3).sum()], { name: 'test' });
      expect(compiled(tf.tensor1d([1, 2]))[0]!.arraySync()).toBe(9);
      if (i > 0) compiled.dispose();
    }
    expect(load).toHaveBeenCalledTimes(1);
    backend.binding = original;
  });

  it('frees what it gave back long ago, and compiles it anew', () => {
    for (let round = 0; round < 2; round++) {
      for (let number = 0; number < 10; number++) {
        const compiled = compile((a) => [a.add(number)], { name: 'test', xla: false });
        expect(compiled(tf.scalar(1))[0]!.arraySync()).toBe(1 + number);
        compiled.dispose();
      }
    }
  });

  it('lets the errors of the function through', () => {
    const compiled = compile(
      () => {
        throw new RangeError('mine');
      },
      { name: 'test' },
    );
    expect(() => compiled(tf.scalar(1))).toThrow('mine');
    expect(compiled.mode()).toBe('compiled');
    expect(tf.add(1, 2).dataSync()[0]).toBe(3);
  });

  it('takes numbers as inputs: another number is no other program', () => {
    const fn = vi.fn((x: Tensor, rate: Tensor): Tensor[] => [x.mul(rate)]);
    const compiled = compile(fn, { name: 'test' });
    const x = tf.tensor1d([1, 2]);
    for (const rate of [2, 0.5, -3]) expect(compiled(x, rate)[0]!.arraySync()).toEqual([rate, 2 * rate]);
    expect(compiled.programs()).toBe(1);
    expect(fn.mock.calls[0]![1].shape).toEqual([]);
    compiled.dispose();
  });

  describe('refuses with one warning and runs op by op', () => {
    const cases: [string, (x: Tensor) => Tensor[], RegExp][] = [
      ['reading values', (x) => [x.mul(x.dataSync()[0]!)], /reads values .*pass the result as an argument/],
      ['arraySync', (x) => [x.mul((x.arraySync() as number[])[0]!)], /reads values/],
      ['reading later', (x) => (void x.data(), [x.mul(2)]), /reads values/],
      ['random numbers', (x) => [x.add(Math.random())], /twice gives different constants; what varies/],
      ['random tensors', (x) => [x.add(tf.randomNormal([2]))], /twice gives different constants/],
      [
        'stateful random ops',
        (x) => [tf.multinomial(x as tf.Tensor1D, 3).toFloat()],
        /op Multinomial draws random numbers .*draw outside/,
      ],
      [
        'another random op',
        (x) => [
          x.add(runOp('RandomUniform', { dtype: { type: 'float32' } }, [tf.tensor1d([2], 'int32')])[0]!),
        ],
        /op RandomUniform draws random numbers/,
      ],
      ['unknown ops', (x) => [tf.unique(x as tf.Tensor1D).values], /op UniqueV2 is not known to the tracer/],
      [
        'shapes from data',
        (x) => [runOp('Fill', {}, [x.toInt(), tf.scalar(1)])[0]!],
        /op Fill takes the shape from data/,
      ],
      ['a result that is no list', (x) => x.mul(2) as unknown as Tensor[], /must return a list of tensors/],
    ];
    it.each(cases)('%s', (_, fn, reason) => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
      try {
        const compiled = compile(fn, { name: 'the function' });
        const x = tf.tensor1d([1, 2]);
        for (let i = 0; i < 2; i++) {
          try {
            compiled(x);
          } catch {
            // What is wrong op by op, too, is the caller's to see.
          }
        }
        expect(compiled.mode()).toBe('eager');
        expect(warn).toHaveBeenCalledTimes(1);
        expect(warn.mock.calls[0]![0]).toMatch(/^the function runs op by op, which is slower: /);
        expect(warn.mock.calls[0]![0]).toMatch(reason);
        expect(x.arraySync()).toEqual([1, 2]); // the backend is as it was
      } finally {
        warn.mockRestore();
      }
    });

    it('a counter outside, and ops that change', () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
      let calls = 0;
      compile((x) => [calls++ % 2 ? x.neg() : x.square()], { name: 'ops' })(tf.scalar(1));
      compile((x) => [calls++ % 2 ? x.sum(0) : x.sum(1)], { name: 'axes' })(tf.ones([2, 2]));
      compile((x, y) => [calls++ % 2 ? x.sub(y) : y.sub(x)], { name: 'order' })(tf.scalar(1), tf.scalar(2));
      expect(warn.mock.calls.map(([text]) => /twice \w+ ([^;]*);/.exec(text as string)![1])).toEqual([
        'different ops, Square and then Neg',
        'different constants',
        'Sub differently',
      ]);
      warn.mockRestore();
    });

    it('a tensor from outside that was never used before', () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
      const outside = tf.tensor1d([1, 2]);
      const compiled = compile((x) => [x.mul(outside)], { name: 'the product' });
      expect(compiled(tf.tensor1d([3, 4]))[0]!.arraySync()).toEqual([3, 8]);
      expect(warn.mock.calls[0]![0]).toMatch(/tensor from outside/);
      expect(outside.arraySync()).toEqual([1, 2]);
      warn.mockRestore();
    });
  });

  it('keeps as many programs as it may, and forgets the one used longest ago', () => {
    const fn = vi.fn((x: Tensor): Tensor[] => [x.add(1)]);
    const compiled = compile(fn, { name: 'test', xla: false, cacheSize: 2 });
    const run = (size: number): number => {
      const before = fn.mock.calls.length;
      tf.dispose(compiled(tf.zeros([size])));
      return fn.mock.calls.length - before;
    };
    expect([1, 2, 1, 3].map(run)).toEqual([2, 2, 0, 2]); // 2 is forgotten
    expect([1, 3, 2].map(run)).toEqual([0, 0, 2]);
    expect(compiled.programs()).toBe(2);
    compiled.dispose();
    expect(compiled.programs()).toBe(0);
    expect(() => compile(fn, { name: 'test', cacheSize: 0 })).toThrow(RangeError);
  });

  it.each([true, false])(
    'leaks nothing over 10,000 calls (XLA: %s)',
    async (xla) => {
      const compiled = compile((x, rate) => [x.mul(rate).tanh(), x.sum()], { name: 'test', xla });
      const x = tf.tensor1d(new Float32Array(256).fill(0.5));
      const run = (times: number): void => {
        for (let i = 0; i < times; i++) tf.dispose(compiled(x, i));
      };
      run(2000); // allocators settle
      const before = process.memoryUsage.rss();
      expect(await leakedTensors(() => run(10_000))).toBe(0);
      // A tensor left behind by each call would be 10 MiB, its handle alone 2.
      expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(8);
      compiled.dispose();
    },
    60_000,
  );

  it('gives programs back to TensorFlow when they are disposed of, but for a few', () => {
    const backend = nativeBackend();
    const original = backend.binding;
    let models = 0;
    backend.binding = Object.create(original, {
      loadSavedModel: {
        value: (...args: Parameters<NativeBinding['loadSavedModel']>) => {
          models++;
          return original.loadSavedModel(...args);
        },
      },
      deleteSavedModel: {
        value: (model: number) => {
          models--;
          original.deleteSavedModel(model);
        },
      },
    }) as NativeBinding;
    for (let number = 0; number < 30; number++) {
      const compiled = compile((x) => [x.sub(number)], { name: 'test', xla: false });
      tf.dispose(compiled(tf.scalar(1)));
      compiled.dispose();
    }
    backend.binding = original;
    expect(models).toBeLessThanOrEqual(8);
  });

  it('fills in attributes that only eager execution infers', () => {
    const compiled = compile(
      (x) => [
        x.expandDims(0),
        runOp(
          'Range',
          {},
          [...'059'].map((n) => tf.scalar(+n, 'int32')),
        )[0]!,
        runOp('Cast', { SrcT: { type: 'float32' }, DstT: { type: 'int32' } }, [x])[0]!,
      ],
      { name: 'test', xla: false },
    );
    expect(compiled(tf.tensor1d([1, 2])).map((output) => output.arraySync())).toEqual([
      [[1, 2]],
      [0],
      [1, 2],
    ]);
    expect(compiled.mode()).toBe('compiled');
  });

  describe('bf16', () => {
    const product = (a: Tensor, b: Tensor): Tensor[] => [
      ...tf.grads((x: Tensor, y: Tensor) => tf.matMul(x, y).square().sum().asScalar())([a, b]),
      tf.matMul(a, b),
      a.add(b.sum()),
    ];

    it('rounds the operands of products, and nothing else', () => {
      const exact = 1 + 2 ** -12; // not a bf16
      const a = tf.fill([2, 2], exact);
      const b = tf.eye(2);
      const compiled = compile(product, { name: 'test', precision: 'bf16' });
      const [, , c, sum] = compiled(a, b);
      expect(c!.arraySync()).toEqual([
        [1, 1],
        [1, 1],
      ]);
      expect(sum!.arraySync()).toEqual([
        [exact + 2, exact + 2],
        [exact + 2, exact + 2],
      ]);
      expect(compiled.mode()).toBe('compiled');
      compiled.dispose();
    });

    it('differs from fp32 by no more than rounding', () => {
      const random = (rows: number, columns: number, frequency: number): Tensor =>
        tf.tensor2d(
          Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(frequency * i)),
          [rows, columns],
        );
      const [a, b] = [random(16, 24, 1.3), random(24, 8, 2.7)];
      const compiled = compile(product, { name: 'test', precision: 'bf16' });
      const expected = product(a, b);
      compiled(a, b).forEach((output, i) => {
        const error = output.sub(expected[i]!).norm().div(expected[i]!.norm()).dataSync()[0]!;
        expect(error).toBeLessThan(0.01);
        if (i < 3) expect(error).toBeGreaterThan(1e-5); // it did round
      });
      compiled.dispose();
    });

    it('needs one cast for an operand of several products', () => {
      const graph = withBfloat16Products(
        trace(product, [
          { shape: [2, 3], dtype: 'float32' },
          { shape: [3, 2], dtype: 'float32' },
        ]),
      );
      const casts = graph.nodes.filter(({ op }) => op === 'Cast');
      const sources = casts.map(({ inputs }) => inputs[0]!);
      expect(new Set(sources).size).toBe(sources.length);
      expect(
        graph.nodes.filter(({ op, attributes }) => op === 'BatchMatMulV2' && attributes['T']!.value === 14)
          .length,
      ).toBe(4);
    });
  });

  describe('callEach', () => {
    const part = (x: Tensor, w: Tensor): Tensor[] => [tf.matMul(x, w).sum(), w.mul(x.max())];
    const inParts =
      (fn = part, atOnce?: number) =>
      (x: Tensor, w: Tensor): Tensor[] => {
        const lists = tf.split(x, 4, 0).map((rows) => [rows, w]);
        const results = callEach((rows, weight) => fn(rows, weight), lists, atOnce);
        return [0, 1].map((output) => tf.addN(results.map((result) => result[output]!)));
      };
    const inputs = (): Tensor[] => [tf.range(0, 24).reshape([8, 3]).div(10), tf.range(0, 6).reshape([3, 2])];
    const specs = [
      { shape: [8, 3], dtype: 'float32' },
      { shape: [3, 2], dtype: 'float32' },
    ];

    it.each([
      ['fp32', true],
      ['fp32', false],
      ['bf16', false],
    ] as const)('gives what the calls give one by one (%s, XLA: %s)', (precision, xla) => {
      const compiled = compile((x, w) => inParts(part, 2)(x, w), { name: 'test', precision, xla });
      const given = inputs();
      const expected = inParts()(given[0]!, given[1]!);
      compiled(...given).forEach((output, i) => {
        const error = output.sub(expected[i]!).abs().max().div(expected[i]!.abs().max()).dataSync()[0]!;
        expect(error).toBeLessThan(precision === 'bf16' ? 0.01 : 1e-6);
      });
      expect(compiled.mode()).toBe('compiled');
      compiled.dispose();
    });

    it('makes one function of all calls, of which at most so many are under way', () => {
      const fn = vi.fn(part);
      const graph = trace((x, w) => inParts(fn, 2)(x, w), specs);
      expect(fn).toHaveBeenCalledTimes(2); // the program is traced twice
      expect(graph.functions.map(({ name }) => name)).toEqual(['part0']);
      const calls = graph.nodes.filter(({ op }) => op === 'PartitionedCall');
      expect(calls.map(({ inputs }) => inputs.filter((input) => input.startsWith('^')))).toEqual([
        [],
        [],
        [`^${calls[0]!.name}`],
        [`^${calls[1]!.name}`],
      ]);
    });

    it('rounds what all calls multiply with once, outside, and hands products out as bf16', () => {
      const multiply = (x: Tensor, w: Tensor): Tensor[] => [tf.matMul(x, w), w.add(x.max())];
      const graph = withBfloat16Products(trace((x, w) => inParts(multiply)(x, w), specs));
      const { body } = graph.functions[0]!;
      // The function's own casts: none of the weight, none of the product.
      expect(body.nodes.filter(({ op, inputs }) => op === 'Cast' && inputs[0] === 'input1')).toEqual([]);
      expect(body.inputTypes).toEqual([1, 1, 14, 14]);
      expect(body.outputs.map(({ dataType }) => dataType)).toEqual([14, 1]);
      const weightCasts = graph.nodes.filter(({ op, inputs }) => op === 'Cast' && inputs[0] === 'input1');
      expect(weightCasts).toHaveLength(1);
    });

    it('refuses lists that differ, and tensors from outside of the function', () => {
      const [x, w] = specs;
      const ragged = (a: Tensor, b: Tensor): Tensor[] =>
        callEach((t) => [t.add(1)], [[a], [b]]).map(([result]) => result!);
      expect(() => trace((a, b) => ragged(a, b), [x!, w!])).toThrow(
        'argument 0 is float32[3,2], in the first list float32[8,3]',
      );
      const closed = (a: Tensor, b: Tensor): Tensor[] => callEach((t) => [t.mul(b.sum())], [[a]])[0]!;
      expect(() => trace((a, b) => closed(a, b), [x!, w!])).toThrow('from outside');
    });

    it('finds functions that change', () => {
      let count = 0;
      expect(() => trace((a) => callEach((t) => [t.mul(count++)], [[a]])[0]!, [specs[0]!])).toThrow(
        'different constants',
      );
    });
  });

  describe('verifyPrograms', () => {
    it('compares every call with the function run op by op', () => {
      const checking = verifyPrograms();
      const compiled = compile(gradients, { name: 'the gradients' });
      const inputs = data();
      for (let i = 0; i < 3; i++) tf.dispose(compiled(...inputs));
      checking.stop();
      tf.dispose(compiled(...inputs));
      expect(checking.runs.get('the gradients')).toBe(3);
      expect(checking.worst.get('the gradients')).toBeLessThan(1e-5);
    });

    it('throws when they differ', () => {
      let traced = 0;
      // Another function than the one that was traced.
      const compiled = compile((x) => [traced++ < 2 ? x.mul(2) : x.mul(2.001)], { name: 'the double' });
      const checking = verifyPrograms();
      expect(() => compiled(tf.tensor1d([1, 2]))).toThrow(ProgramMismatchError);
      expect(() => compiled(tf.tensor1d([1, 2]))).toThrow(
        /^the double: output 0, float32\[2\], differs from op-by-op execution's float32\[2\] by 0\.000499/,
      );
      checking.stop();
    });
  });
});
