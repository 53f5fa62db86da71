/** Whether a checkpoint's state is what the configuration would have come to. */
import { canonicalJson } from '@plumbline/artifacts';

/** A checkpoint that is not of the work that it should continue; the message names the first thing that differs. */
export class CheckpointMismatchError extends Error {
  override readonly name = 'CheckpointMismatchError';
}

/**
 * Compares what a checkpoint holds with what it must hold to be continued; both are plain JSON.
 *
 * @param what `state` or `configuration`
 * @throws CheckpointMismatchError naming the checkpoint and the path of the first difference
 */
export function checkResumed(checkpoint: string, what: string, found: unknown, expected: unknown): void {
  const path = firstDifference(found, expected, what);
  if (path === null) return;
  throw new CheckpointMismatchError(
    `checkpoint ${checkpoint} cannot be continued: its ${path.path} is ${shown(path.found)}, ` +
      `not ${shown(path.expected)} as configured`,
  );
}

interface Difference {
  readonly path: string;
  readonly found: unknown;
  readonly expected: unknown;
}

function firstDifference(found: unknown, expected: unknown, path: string): Difference | null {
  if (isObject(found) && isObject(expected)) {
    for (const key of [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort()) {
      const difference = firstDifference(found[key], expected[key], `${path}.${key}`);
      if (difference) return difference;
    }
    return null;
  }
  return shown(found) === shown(expected) ? null : { path, found, expected };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return value === undefined ? 'absent' : canonicalJson(value);
}
