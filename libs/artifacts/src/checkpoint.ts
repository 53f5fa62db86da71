import type { StepName } from '@plumbline/contracts';
import { ArtifactError } from './artifact-error.js';
import type { ArtifactStore } from './artifact-store.js';
import { decodeSafetensors, encodeSafetensors, type TensorMap } from './safetensors.js';

/** Everything a step needs to continue exactly where it was. */
export interface CheckpointContent {
  /** The step that made it; `import`: none, the model came from outside. */
  readonly step: StepName | 'import';
  /** Updates (pretrain, reward), iterations (optimise) or shards (sample) done. */
  readonly index: number;
  /** What defines the step's work; plain JSON. */
  readonly configuration: unknown;
  readonly weights: TensorMap;
  /** Moments by parameter name. */
  readonly optimizer: TensorMap;
  /** Tokens seen, RNG counters, data cursor, schedule, KL controller; plain JSON. */
  readonly state: unknown;
  /** Other artifacts by role: the tokenizer, the model that training started from. */
  readonly references: Readonly<Record<string, string>>;
}

/**
 * The manifest: canonical JSON that names the blobs. Its SHA-256 is the checkpoint's id. It holds nothing of the run,
 * time or machine, so the same work gives the same id.
 */
export interface CheckpointManifest {
  readonly kind: 'checkpoint';
  readonly format: 1;
  readonly step: StepName | 'import';
  readonly index: number;
  readonly configuration: unknown;
  readonly blobs: { readonly weights: string; readonly optimizer: string; readonly state: string };
  readonly references: Readonly<Record<string, string>>;
}

/** Stores the blobs, then the manifest that makes them a checkpoint, and gives the manifest's id. */
export async function writeCheckpoint(store: ArtifactStore, content: CheckpointContent): Promise<string> {
  const [weights, optimizer, state] = await Promise.all([
    store.put(encodeSafetensors(content.weights)),
    store.put(encodeSafetensors(content.optimizer)),
    store.putJson(content.state),
  ]);
  const manifest: CheckpointManifest = {
    kind: 'checkpoint',
    format: 1,
    step: content.step,
    index: content.index,
    configuration: content.configuration,
    blobs: { weights, optimizer, state },
    references: content.references,
  };
  return store.putJson(manifest);
}

/** @throws ArtifactError `malformed` when the artifact is not a checkpoint manifest */
export async function readCheckpointManifest(store: ArtifactStore, id: string): Promise<CheckpointManifest> {
  const manifest = await store.getJson<Partial<CheckpointManifest> | null>(id);
  if (manifest?.kind !== 'checkpoint' || manifest.format !== 1 || manifest.blobs === undefined) {
    throw new ArtifactError('malformed', `artifact ${id} is not a checkpoint`);
  }
  return manifest as CheckpointManifest;
}

/** Reads a checkpoint whole. @throws ArtifactError naming the blob that is missing, corrupted or malformed */
export async function readCheckpoint(
  store: ArtifactStore,
  id: string,
): Promise<CheckpointContent & { readonly id: string }> {
  const manifest = await readCheckpointManifest(store, id);
  const { blobs } = manifest;
  const [weights, optimizer, state] = await Promise.all([
    readTensors(store, id, 'weights', blobs.weights),
    readTensors(store, id, 'optimizer', blobs.optimizer),
    naming(id, 'state', store.getJson<unknown>(blobs.state)),
  ]);
  const { step, index, configuration, references } = manifest;
  return { id, step, index, configuration, weights, optimizer, state, references };
}

/** The weights alone. @throws ArtifactError as `readCheckpoint` */
export async function readCheckpointWeights(store: ArtifactStore, id: string): Promise<TensorMap> {
  const { blobs } = await readCheckpointManifest(store, id);
  return readTensors(store, id, 'weights', blobs.weights);
}

async function readTensors(store: ArtifactStore, id: string, role: string, blob: string): Promise<TensorMap> {
  return decodeSafetensors(await naming(id, role, store.get(blob)));
}

/** Says which blob of which checkpoint is at fault. */
async function naming<T>(id: string, role: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error;
    throw new ArtifactError(error.code, `checkpoint ${id}, ${role}: ${error.message}`);
  }
}
