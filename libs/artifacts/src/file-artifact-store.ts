import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ArtifactError } from './artifact-error.js';
import { checkArtifactId, type ArtifactStore } from './artifact-store.js';
import { canonicalJson, sha256 } from './canonical-json.js';

const TEMPORARY = '.tmp';
/** Folder for what has no id yet; no artifact's folder, whose names have two characters. */
const INCOMING = 'incoming';
const DAY_MS = 86_400_000;

/** Artifacts as files, `<directory>/ab/cdef…`. A file appears whole or not at all, also after a power cut. */
export class FileArtifactStore implements ArtifactStore {
  constructor(readonly directory: string) {}

  async put(bytes: Uint8Array): Promise<string> {
    const id = sha256(bytes);
    // A file that was damaged meanwhile does not count: it is replaced by what it should be.
    const path = this.pathOf(id);
    if (await this.holds(id)) {
      // Whoever gave the file its name may have been killed before that was durable.
      await this.syncFolders(path);
      return id;
    }
    const created = await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}${TEMPORARY}`;
    try {
      const file = await open(temporary, 'wx');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
    await this.syncFolders(path);
    if (created !== undefined) await syncDirectory(dirname(created));
    return id;
  }

  async putStream(chunks: AsyncIterable<Uint8Array>): Promise<{ id: string; bytes: number }> {
    await mkdir(join(this.directory, INCOMING), { recursive: true });
    const temporary = join(this.directory, INCOMING, `${randomUUID()}${TEMPORARY}`);
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      const file = await open(temporary, 'wx');
      try {
        for await (const chunk of chunks) {
          hash.update(chunk);
          bytes += chunk.byteLength;
          await file.writeFile(chunk);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      const id = hash.digest('hex');
      const path = this.pathOf(id);
      const created = await mkdir(dirname(path), { recursive: true });
      await rename(temporary, path);
      await this.syncFolders(path);
      if (created !== undefined) await syncDirectory(dirname(created));
      return { id, bytes };
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
  }

  async *getStream(id: string): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    try {
      for await (const chunk of createReadStream(this.pathOf(id)) as AsyncIterable<Buffer>) {
        hash.update(chunk);
        yield chunk;
      }
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? missing(id) : error;
    }
    checkHash(id, hash.digest('hex'));
  }

  private async syncFolders(path: string): Promise<void> {
    await syncDirectory(dirname(path));
    await syncDirectory(this.directory);
  }

  private async holds(id: string): Promise<boolean> {
    try {
      await this.get(id);
      return true;
    } catch (error) {
      if (error instanceof ArtifactError && (error.code === 'missing' || error.code === 'corrupted'))
        return false;
      throw error;
    }
  }

  async get(id: string): Promise<Buffer> {
    const path = this.pathOf(id);
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? missing(id) : error;
    }
    checkHash(id, sha256(bytes));
    return bytes;
  }

  async has(id: string): Promise<boolean> {
    try {
      await access(this.pathOf(id));
      return true;
    } catch {
      return false;
    }
  }

  putJson(value: unknown): Promise<string> {
    return this.put(Buffer.from(canonicalJson(value)));
  }

  async getJson<T>(id: string): Promise<T> {
    const bytes = await this.get(id);
    try {
      return JSON.parse(bytes.toString('utf8')) as T;
    } catch {
      throw new ArtifactError('malformed', `artifact ${id} is not JSON`);
    }
  }

  async removeAbandoned(olderThanMs: number = DAY_MS): Promise<number> {
    const before = Date.now() - olderThanMs;
    let removed = 0;
    for (const folder of await namesIn(this.directory)) {
      for (const name of await namesIn(join(this.directory, folder))) {
        if (!name.endsWith(TEMPORARY)) continue;
        const file = join(this.directory, folder, name);
        // Its writer may be renaming or removing it at this moment.
        const changedAt = await stat(file).then(
          ({ mtimeMs }) => mtimeMs,
          () => Infinity,
        );
        if (changedAt > before) continue;
        await rm(file, { force: true });
        removed++;
      }
    }
    return removed;
  }

  private pathOf(id: string): string {
    checkArtifactId(id);
    return join(this.directory, id.slice(0, 2), id.slice(2));
  }
}

function missing(id: string): ArtifactError {
  return new ArtifactError('missing', `artifact ${id} is missing from the store`);
}

function checkHash(id: string, actual: string): void {
  if (actual !== id) {
    throw new ArtifactError('corrupted', `artifact ${id} is corrupted: its content hashes to ${actual}`);
  }
}

/** None where there is no such folder. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
