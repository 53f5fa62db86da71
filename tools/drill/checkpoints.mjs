import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A checkpoint as it lies in the store: every hash is that of the bytes that are there.
 *
 * @typedef {object} StoredCheckpoint
 * @property {string} step
 * @property {number} index updates or iterations done
 * @property {string} id
 * @property {Record<string, string>} blobs `weights`, `optimizer`, `state`: SHA-256 of the content
 */

/**
 * Reads all checkpoints of a run, the intermediate ones too, and hashes their blobs.
 *
 * @param {string} home
 * @param {{ steps: readonly { name: string, checkpoints: readonly { index: number, id: string }[] }[] }} run
 * @returns {StoredCheckpoint[]}
 */
export function readCheckpoints(home, run) {
  const read = (id) => readFileSync(join(home, 'artifacts', id.slice(0, 2), id.slice(2)));
  return run.steps.flatMap(({ name, checkpoints }) =>
    checkpoints.map(({ index, id }) => {
      const { blobs } = JSON.parse(read(id).toString('utf8'));
      const hashes = Object.entries(blobs).map(([role, blob]) => [role, sha256(read(blob))]);
      return { step: name, index, id, blobs: Object.fromEntries(hashes) };
    }),
  );
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Where two runs of the same thing differ, a line each; none when they are equal. A checkpoint whose blobs are equal but
 * whose id is not differs in its `manifest`.
 *
 * @param {readonly StoredCheckpoint[]} unbroken
 * @param {readonly StoredCheckpoint[]} killed
 * @returns {{ step: string, index: number, blob: string, unbroken: string | null, killed: string | null }[]}
 */
export function differences(unbroken, killed) {
  const key = ({ step, index }) => `${step} ${index}`;
  const of = new Map(killed.map((checkpoint) => [key(checkpoint), checkpoint]));
  const known = new Set(unbroken.map(key));
  return [
    ...unbroken.flatMap((one) => differencesOf(one, of.get(key(one)))),
    ...killed
      .filter((checkpoint) => !known.has(key(checkpoint)))
      .map(({ step, index, id }) => ({ step, index, blob: 'manifest', unbroken: null, killed: id })),
  ];
}

function differencesOf({ step, index, id, blobs }, other) {
  const difference = (blob, one, another) => ({ step, index, blob, unbroken: one, killed: another });
  if (other === undefined) return [difference('manifest', id, null)];
  const roles = [...new Set([...Object.keys(blobs), ...Object.keys(other.blobs)])].sort();
  const differing = roles
    .filter((role) => blobs[role] !== other.blobs[role])
    .map((role) => difference(role, blobs[role] ?? null, other.blobs[role] ?? null));
  return differing.length > 0 || id === other.id ? differing : [difference('manifest', id, other.id)];
}
