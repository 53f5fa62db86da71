import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const NOT_SOURCE = new Set(['node_modules', 'dist', 'dist-types', 'histories']);

/**
 * Changes when a source file below `paths` is added, removed or written to; tests do not count, they are not built.
 *
 * @param {string} root
 * @param {readonly string[]} paths files and folders, relative to root
 */
export function fingerprint(root, paths) {
  const hash = createHash('sha256');
  for (const path of paths) add(hash, root, path);
  return hash.digest('hex');
}

function add(hash, root, path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  if (!stat) return;
  if (stat.isFile()) {
    hash.update(`${path}\0${stat.size}\0${stat.mtimeMs}\n`);
    return;
  }
  const names = readdirSync(join(root, path)).sort();
  for (const name of names) {
    if (NOT_SOURCE.has(name) || /\.test\.(ts|tsx|mjs)$/.test(name)) continue;
    add(hash, root, join(path, name));
  }
}
