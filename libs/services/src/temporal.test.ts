import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findTemporal } from './temporal.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plumbline-temporal-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function command(directory: string, script: string): string {
  mkdirSync(join(folder, directory), { recursive: true });
  const file = join(folder, directory, 'temporal');
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

describe('findTemporal', () => {
  it('prefers PATH to PLUMBLINE_HOME', async () => {
    const onPath = command('path', 'exit 0');
    command('home/bin', 'exit 0');
    expect(await findTemporal(join(folder, 'home'), join(folder, 'path'))).toBe(onPath);
  });

  it('passes over one that does not run', async () => {
    command('path', 'exit 127');
    const inHome = command('home/bin', 'exit 0');
    expect(await findTemporal(join(folder, 'home'), join(folder, 'path'))).toBe(inHome);
  });

  it('says what to do when there is none', async () => {
    await expect(findTemporal(join(folder, 'home'), join(folder, 'path'))).rejects.toThrow(
      /no `temporal` command .*npm run bootstrap.*TEMPORAL_ADDRESS/,
    );
  });
});
