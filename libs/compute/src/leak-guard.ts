import { tf } from './tensorflow.js';

/**
 * Runs `work` and returns how many tensors it left behind, less the number it returns (those it keeps on purpose). For
 * tests that demand a flat tensor count.
 */
export async function leakedTensors(work: () => void | number | Promise<void | number>): Promise<number> {
  const before = tf.memory().numTensors;
  const kept = (await work()) ?? 0;
  return tf.memory().numTensors - before - kept;
}
