import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OnnxRuntime } from './runtime.js';

it('ONNX Runtime starts without its telemetry, whose log would lie in the temporary folder', () => {
  OnnxRuntime.load();
  expect(existsSync(join(tmpdir(), `mat-debug-${process.pid}.log`))).toBe(false);
});
