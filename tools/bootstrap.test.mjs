import { describe, expect, it } from 'vitest';
import { requireNode } from './bootstrap.mjs';
import { isNeeded, WHEELS } from './lib/tensorflow.mjs';

describe('requireNode', () => {
  it.each(['20.19.0', '20.20.2', '22.0.0', '24.1.0'])('accepts %s', (version) => {
    expect(() => requireNode(version)).not.toThrow();
  });
  it.each(['18.20.0', '20.18.3'])('refuses %s and names what is needed', (version) => {
    expect(() => requireNode(version)).toThrow(/20\.19/);
  });
});

describe('isNeeded', () => {
  it.each([
    ['tensorflow/libtensorflow_cc.so.2', true],
    ['tensorflow/libtensorflow_framework.so.2', true],
    ['tensorflow/include/tensorflow/c/c_api.h', true],
    ['tensorflow/include/xla/tsl/platform/types.h', true],
    ['tensorflow/include/tsl/platform/types.h', true],
    ['tensorflow/include/google/protobuf/message.h', false],
    ['tensorflow/python/_pywrap_tensorflow_internal.so', false],
    ['tensorflow_cpu-2.21.0.dist-info/METADATA', false],
  ])('%s: %s', (member, needed) => {
    expect(isNeeded(member)).toBe(needed);
  });
});

it('pins every wheel to one version and a hash', () => {
  const wheels = Object.values(WHEELS).flatMap((platforms) => Object.values(platforms));
  expect(new Set(wheels.map(({ version }) => version)).size).toBe(1);
  expect(wheels.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256))).toBe(true);
  expect(new Set(wheels.map(({ sha256 }) => sha256)).size).toBe(wheels.length);
});
