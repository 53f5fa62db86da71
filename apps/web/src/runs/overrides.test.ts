import { describe, expect, it } from 'vitest';
import { parseOverrides } from './overrides.js';

const rows = (...values: string[]) => values.map((value, index) => ({ path: `key${index}`, value }));
const valuesOf = (...values: string[]) =>
  parseOverrides({ name: '', seed: '', rows: rows(...values) }).map(({ value }) => value);

describe('parseOverrides', () => {
  it('asks for nothing when nothing was typed', () => {
    expect(parseOverrides({ name: ' ', seed: '', rows: [{ path: ' ', value: '4' }] })).toEqual([]);
  });

  it('reads numbers, booleans and null as such and everything else as text', () => {
    expect(valuesOf('6', '1e-4', 'true', 'null', 'adaptive', '"6"', '1 of many', '{"a":1}')).toEqual([
      6,
      1e-4,
      true,
      null,
      'adaptive',
      '6',
      '1 of many',
      '{"a":1}',
    ]);
  });

  it('keeps a name of digits a name, and passes an impossible seed on for the server to refuse', () => {
    expect(parseOverrides({ name: '42', seed: '-1', rows: [] })).toEqual([
      { path: 'name', value: '42' },
      { path: 'seed', value: -1 },
    ]);
  });
});
