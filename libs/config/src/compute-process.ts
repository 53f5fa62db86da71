import { childEnvironment } from './child-environment.js';

/** V8's young generation grows to 48 MiB while a program is traced, of which a third is enough. */
export const COMPUTE_NODE_FLAGS: readonly string[] = ['--max-semi-space-size=4'];

/**
 * The environment of a process that computes with TensorFlow. glibc's malloc gets two arenas (others ignore the
 * variable), because each keeps what XLA's compiler has freed; more make nothing faster.
 */
export function computeEnvironment(): Record<string, string | undefined> {
  return childEnvironment({ MALLOC_ARENA_MAX: '2' });
}
