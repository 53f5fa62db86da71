import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow, tf } from '../tensorflow.js';
import { trace } from './trace.js';
import { compile } from './compile.js';
import { withoutWideSums } from './wide-sums.js';

beforeAll(() => void loadTensorFlow({ device: 'cpu', threads: 2 }));

describe('sums of many tensors in a program', () => {
  const sums = (...inputs: tf.Tensor[]): tf.Tensor[] => {
    const all = tf.addN(inputs);
    return [all, all.mul(2), tf.addN(inputs.slice(0, 2))];
  };

  it('are sums of two, in order, under the same names for what uses them', () => {
    const inputs = [1, 2, 3, 4].map((value) => tf.scalar(value));
    const { nodes, outputs } = withoutWideSums(trace(sums, inputs));
    const additions = nodes.filter(({ op }) => op === 'AddV2');
    expect(additions.map(({ inputs }) => inputs)).toEqual([
      ['input0', 'input1'],
      [`${additions[0]!.name}:z:0`, 'input2'],
      [`${additions[1]!.name}:z:0`, 'input3'],
    ]);
    expect(outputs[0]!.value).toBe(`${additions[2]!.name}:z:0`);
    expect(nodes.find(({ op }) => op === 'Mul')!.inputs).toContain(outputs[0]!.value);
    // Two tensors stay as they are: nothing rewrites them.
    expect(nodes.filter(({ op }) => op === 'AddN').map(({ inputs }) => inputs)).toEqual([
      ['input0', 'input1'],
    ]);
    tf.dispose(inputs);
  });

  it('have the values that they have op by op', () => {
    const inputs = [0.1, 2.5, -3, 4e-3].map((value) => tf.fill([3], value));
    const program = compile(sums, { name: 'sums' });
    const found = program(...inputs);
    const expected = tf.tidy(() => sums(...inputs));
    expect(program.mode()).toBe('compiled');
    found.forEach((tensor, i) => expect([...tensor.dataSync()]).toEqual([...expected[i]!.dataSync()]));
    tf.dispose([...inputs, ...found, ...expected]);
    program.dispose();
  });
});
