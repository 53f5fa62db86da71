import { readCheckpointManifest, type ArtifactStore } from '@plumbline/artifacts';
import { PREVIOUS_CHECKPOINT } from '@plumbline/rlhf';

export interface PolicyCheckpoint {
  readonly id: string;
  /** Iterations done. */
  readonly index: number;
}

/**
 * The policy's checkpoints, oldest first, the policy itself last: each names the one that optimisation went on from.
 * One alone where it names none (optimised before checkpoints did).
 * @throws ArtifactError naming what is missing or no checkpoint
 */
export async function policyCheckpoints(
  artifacts: ArtifactStore,
  policy: string,
): Promise<readonly PolicyCheckpoint[]> {
  const found: PolicyCheckpoint[] = [];
  for (let id: string | undefined = policy; id !== undefined;) {
    const { index, references } = await readCheckpointManifest(artifacts, id);
    found.unshift({ id, index });
    id = references[PREVIOUS_CHECKPOINT];
  }
  return found;
}

/** At most `count` of the items, evenly spaced, the last always among them. */
export function evenlySpaced<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items;
  return Array.from({ length: count }, (_, i) => items[Math.round(((i + 1) * items.length) / count) - 1]!);
}
