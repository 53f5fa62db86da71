import { expect, it } from 'vitest';
import { GrowingVector } from './growing-vector.js';

it('keeps what is appended, in order, across its chunks', () => {
  const vector = new GrowingVector();
  const count = 600_000;
  for (let i = 0; i < count; i += 3) vector.append([i, i + 1, i + 2]);
  vector.push(-1);
  expect(vector.length).toBe(count + 1);
  const all = vector.toArray();
  expect(all.subarray(0, -1).every((value, i) => value === i)).toBe(true);
  expect(all.at(-1)).toBe(-1);
  vector.push(7);
  expect(all.at(-1)).toBe(-1);
});
