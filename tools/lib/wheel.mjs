import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, readdirSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { findPip } from './python.mjs';
import { runCommand } from './run-command.mjs';

const MEGABYTE = 1e6;

/**
 * A wheel of a package index, pinned. `python`: the CPython it is for; null for one that contains no Python.
 * @typedef {{ name: string, version: string, python: string | null, platform: string, bytes: number, sha256: string }} Wheel
 */

/**
 * Downloads a wheel with pip, whatever that pip's own Python is, and checks its hash.
 *
 * @param {Wheel} wheel
 * @param {string} directory empty; the wheel and pip's temporary files go there
 * @param {(detail: string) => void} report
 * @returns {Promise<string>} the wheel's path
 */
export async function downloadWheel(wheel, directory, report) {
  const pip = await findPip();
  if (!pip) throw new Error('no pip found (tried python3 -m pip, python -m pip, pip3, pip)');
  const temporary = join(directory, 'tmp');
  mkdirSync(temporary, { recursive: true });
  const watch = setInterval(() => {
    // Towards the end pip has it twice: it copies the finished download to its place.
    const bytes = Math.min(sizeOf(directory), wheel.bytes);
    report(`${Math.round(bytes / MEGABYTE)} of ${Math.round(wheel.bytes / MEGABYTE)} MB`);
  }, 1000);
  const [command, ...args] = pip;
  const abi = wheel.python === null ? 'none' : `cp${wheel.python.replace('.', '')}`;
  try {
    await runCommand(
      command,
      [
        ...args,
        'download',
        '--no-deps',
        '--no-cache-dir',
        '--only-binary=:all:',
        `--implementation=${wheel.python === null ? 'py' : 'cp'}`,
        `--python-version=${wheel.python ?? '3.12'}`,
        `--abi=${abi}`,
        `--platform=${wheel.platform}`,
        '--retries=2',
        '--disable-pip-version-check',
        `--dest=${directory}`,
        `${wheel.name}==${wheel.version}`,
      ],
      { env: { ...process.env, TMPDIR: temporary } },
    );
  } finally {
    clearInterval(watch);
  }
  const file = readdirSync(directory).find((name) => name.endsWith('.whl'));
  if (!file)
    throw new Error(`pip said that it downloaded ${wheel.name}, but there is no wheel in ${directory}`);
  const path = join(directory, file);
  report('checking');
  const sha256 = await hashFile(path);
  if (sha256 !== wheel.sha256)
    throw new Error(
      `${file} is not the wheel that this version of Plumbline was written for: SHA-256 ${sha256}`,
    );
  return path;
}

function sizeOf(directory) {
  let bytes = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    try {
      bytes += statSync(join(entry.parentPath ?? entry.path, entry.name)).size;
    } catch {
      // It was moved while we looked.
    }
  }
  return bytes;
}

async function hashFile(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/**
 * Extracts the members of a wheel (a zip) that `keep` accepts.
 *
 * @param {string} wheel
 * @param {string} directory
 * @param {(member: string) => boolean} keep
 * @param {(detail: string) => void} report
 * @returns {Promise<number>} how many files were written
 */
export async function extractWheel(wheel, directory, keep, report) {
  const members = (await listMembers(wheel)).filter(({ name }) => !name.endsWith('/') && keep(name));
  const total = members.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const member of members) {
    if (member.name.split('/').includes('..'))
      throw new Error(`${wheel} names a file outside itself: ${member.name}`);
    const path = join(directory, member.name);
    mkdirSync(dirname(path), { recursive: true });
    const count = new Transform({
      transform(chunk, _encoding, next) {
        done += chunk.length;
        report(`${Math.round(done / MEGABYTE)} of ${Math.round(total / MEGABYTE)} MB`);
        next(null, chunk);
      },
    });
    if (member.compressedSize === 0) {
      await pipeline([Buffer.alloc(0)], createWriteStream(path));
      continue;
    }
    const start = await dataOffset(wheel, member.headerOffset);
    const raw = createReadStream(wheel, { start, end: start + member.compressedSize - 1 });
    await pipeline(
      member.method === 0
        ? [raw, count, createWriteStream(path)]
        : [raw, createInflateRaw(), count, createWriteStream(path)],
    );
    if (statSync(path).size !== member.size) throw new Error(`${member.name} in ${wheel} is damaged`);
  }
  return members.length;
}

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LONGEST_COMMENT = 65_535;

/** The zip's central directory (APPNOTE 4.3.12). Wheels below 4 GB and 65,535 files need no zip64. */
async function listMembers(path) {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const tail = Buffer.alloc(Math.min(size, LONGEST_COMMENT + 22));
    await file.read(tail, 0, tail.length, size - tail.length);
    let end = tail.length - 22;
    while (end >= 0 && tail.readUInt32LE(end) !== END_OF_DIRECTORY) end -= 1;
    if (end < 0) throw new Error(`${path} is no zip file`);
    const count = tail.readUInt16LE(end + 10);
    const directory = Buffer.alloc(tail.readUInt32LE(end + 12));
    await file.read(directory, 0, directory.length, tail.readUInt32LE(end + 16));
    const members = [];
    for (let index = 0, at = 0; index < count; index += 1) {
      if (directory.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error(`${path} has a damaged directory`);
      const nameLength = directory.readUInt16LE(at + 28);
      const method = directory.readUInt16LE(at + 10);
      if (method !== 0 && method !== 8)
        throw new Error(`${path} is packed in a way that is not understood (${method})`);
      members.push({
        name: directory.toString('utf8', at + 46, at + 46 + nameLength),
        method,
        compressedSize: directory.readUInt32LE(at + 20),
        size: directory.readUInt32LE(at + 24),
        headerOffset: directory.readUInt32LE(at + 42),
      });
      at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    }
    return members;
  } finally {
    await file.close();
  }
}

/** Where a member's bytes begin: its own header repeats the name and has extra fields of another length. */
async function dataOffset(path, headerOffset) {
  const file = await open(path);
  try {
    const header = Buffer.alloc(30);
    await file.read(header, 0, 30, headerOffset);
    return headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  } finally {
    await file.close();
  }
}
