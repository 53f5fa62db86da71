import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const NODE_MODULES = join(ROOT, 'node_modules');

/** Where everything that is no source goes: PLUMBLINE_HOME, by default .plumbline in the checkout. */
export function home() {
  return resolve(process.env.PLUMBLINE_HOME || join(ROOT, '.plumbline'));
}
