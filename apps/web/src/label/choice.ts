import type { Judgement, Task } from '../api/types.js';

/** What a labeler can say about the comparison on the screen. */
export type Choice =
  | { readonly kind: 'prefer'; /** Position on the screen, from 0. */ readonly position: number }
  | { readonly kind: 'tie' }
  | { readonly kind: 'both_bad' }
  | { readonly kind: 'skip' };

/** The letter a response goes by: A, B, … */
export function letterOf(position: number): string {
  return String.fromCharCode(65 + position);
}

/** In words, for the message that follows it. */
export function nameOf(choice: Choice): string {
  switch (choice.kind) {
    case 'prefer':
      return `${letterOf(choice.position)} is better`;
    case 'tie':
      return 'About the same';
    case 'both_bad':
      return 'Both are bad';
    case 'skip':
      return 'Skipped';
  }
}

/**
 * The body of a submission, null for a skip.
 * @param durationMs how long the task was in sight before the choice
 */
export function judgementOf(choice: Choice, task: Task, durationMs: number): Judgement | null {
  switch (choice.kind) {
    case 'prefer': {
      const ranks = Object.fromEntries(
        task.responses.map((response, position) => [response.id, position === choice.position ? 1 : 2]),
      );
      return { outcome: 'ranked', ranks, durationMs };
    }
    case 'tie':
    case 'both_bad':
      return { outcome: choice.kind, durationMs };
    case 'skip':
      return null;
  }
}

/** Keys, as `KeyboardEvent.key` in lower case; the same list feeds the help and the hints on the buttons. */
export const CHOICE_KEYS = {
  prefer: [
    ['1', 'a'],
    ['2', 'b'],
  ],
  tie: ['t'],
  both_bad: ['n'],
  skip: ['s'],
} as const;

/** The choice a key stands for, null for any other key. */
export function choiceForKey(key: string): Choice | null {
  const lower = key.toLowerCase();
  const position = CHOICE_KEYS.prefer.findIndex((keys) => (keys as readonly string[]).includes(lower));
  if (position !== -1) return { kind: 'prefer', position };
  if (lower === CHOICE_KEYS.tie[0]) return { kind: 'tie' };
  if (lower === CHOICE_KEYS.both_bad[0]) return { kind: 'both_bad' };
  if (lower === CHOICE_KEYS.skip[0]) return { kind: 'skip' };
  return null;
}
