import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isNeeded } from './tensorflow.mjs';
import { extractWheel } from './wheel.mjs';

/** Writes a zip with another implementation than the one that reads it. */
const MAKE_ZIP = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as z:
    z.writestr(zipfile.ZipInfo('tensorflow/include/tsl/stored.h'), 'stored as is')
    z.writestr('tensorflow/libtensorflow_cc.so.2', bytes(range(256)) * 5000, zipfile.ZIP_DEFLATED)
    z.writestr('tensorflow/include/tensorflow/c/empty.h', '')
    z.writestr('tensorflow/python/unwanted.py', 'print(1)', zipfile.ZIP_DEFLATED)
    z.writestr('tensorflow/include/xla/tsl/../../../../outside.h', 'x')
    z.comment = b'a comment at the end'
`;

let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plumbline-wheel-'));
  execFileSync('python3', ['-c', MAKE_ZIP, join(folder, 'a.whl')]);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const nothing = () => undefined;

describe('extractWheel', () => {
  it('writes what is kept, stored, compressed and empty, and nothing else', async () => {
    const inside = (member) => isNeeded(member) && !member.includes('..');
    expect(await extractWheel(join(folder, 'a.whl'), join(folder, 'out'), inside, nothing)).toBe(3);
    const out = join(folder, 'out', 'tensorflow');
    expect(readdirSync(out).sort()).toEqual(['include', 'libtensorflow_cc.so.2']);
    expect(readFileSync(join(out, 'include/tsl/stored.h'), 'utf8')).toBe('stored as is');
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(
      readFileSync(join(out, 'libtensorflow_cc.so.2')).equals(Buffer.concat(Array(5000).fill(bytes))),
    ).toBe(true);
    expect(statSync(join(out, 'include/tensorflow/c/empty.h')).size).toBe(0);
  });

  it('refuses a member that lies outside', async () => {
    await expect(
      extractWheel(join(folder, 'a.whl'), join(folder, 'out'), () => true, nothing),
    ).rejects.toThrow(/outside itself: .*outside\.h/);
  });

  it('refuses a file that was cut off', async () => {
    truncateSync(join(folder, 'a.whl'), 2000);
    await expect(extractWheel(join(folder, 'a.whl'), join(folder, 'out'), isNeeded, nothing)).rejects.toThrow(
      /is no zip file/,
    );
  });
});
