import { describe, expect, it } from 'vitest';
import { choiceForKey } from './choice.js';

describe('choiceForKey', () => {
  it.each([
    ['1', { kind: 'prefer', position: 0 }],
    ['A', { kind: 'prefer', position: 0 }],
    ['2', { kind: 'prefer', position: 1 }],
    ['b', { kind: 'prefer', position: 1 }],
    ['t', { kind: 'tie' }],
    ['N', { kind: 'both_bad' }],
    ['s', { kind: 'skip' }],
  ])('reads %s', (key, choice) => {
    expect(choiceForKey(key)).toEqual(choice);
  });

  it.each(['3', 'Enter', ' ', 'Tab', 'ArrowLeft', '?', ''])('leaves %j alone', (key) => {
    expect(choiceForKey(key)).toBeNull();
  });
});
