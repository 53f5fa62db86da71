import { ArtifactError, readCheckpointManifest, type ArtifactStore } from '@plumbline/artifacts';
import { registerArtifacts, type ArtifactDescription } from '@plumbline/database';
import type { DataSource } from 'typeorm';

/**
 * Makes imported models known to the record. `plumbline model import` needs no services: it writes to the artifact store
 * alone, and the record meets the checkpoint when a run first names it. Other ids are left unknown, for everything else
 * that a run may start from was made by a run.
 */
export async function registerImportedModels(
  database: DataSource,
  store: ArtifactStore,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = await Promise.all(ids.map((id) => importedModel(store, id)));
  const imported = found.filter((description) => description !== null);
  await registerArtifacts(database, imported);
  return new Set(imported.map(({ id }) => id));
}

async function importedModel(store: ArtifactStore, id: string): Promise<ArtifactDescription | null> {
  try {
    const { step } = await readCheckpointManifest(store, id);
    if (step !== 'import') return null;
    const { byteLength: bytes } = await store.get(id);
    return { id, kind: 'checkpoint', mediaType: 'application/json', bytes };
  } catch (error) {
    // Missing, damaged, or no checkpoint: not an imported model that could be used.
    if (error instanceof ArtifactError) return null;
    throw error;
  }
}
