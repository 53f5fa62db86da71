import { closeSync, openSync } from 'node:fs';

const STDERR = 2;

/**
 * Runs `load` with stderr closed to native code. TensorFlow's library writes two lines about its kernels when it is
 * loaded, and no variable keeps it from that; errors of loading come as exceptions. Where stderr cannot be reopened
 * (a socket), nothing is changed.
 */
export function withoutNativeNoise<T>(load: () => T): T {
  let kept: number;
  let nowhere: number;
  try {
    kept = openSync('/proc/self/fd/2', 'a');
    nowhere = openSync('/dev/null', 'a');
  } catch {
    return load();
  }
  redirect(nowhere);
  try {
    return load();
  } finally {
    redirect(kept);
  }
}

/** Makes stderr what `source` is, and closes `source`: what is opened takes the lowest number that is free. */
function redirect(source: number): void {
  closeSync(STDERR);
  openSync(`/proc/self/fd/${String(source)}`, 'a');
  closeSync(source);
}
