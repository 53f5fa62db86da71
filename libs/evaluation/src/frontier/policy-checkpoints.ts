import {
  readCheckpointManifest,
  readCheckpointWeights,
  type ArtifactStore,
  type TensorMap,
} from '@plumbline/artifacts';
import type { ModelConfiguration } from '@plumbline/contracts';
import { checkShapes, parameterShapes } from '@plumbline/model';
import { policyWeights, PREVIOUS_CHECKPOINT, responsesToChooseFrom } from '@plumbline/rlhf';

export interface PolicyCheckpoint {
  readonly id: string;
  /** Iterations done. */
  readonly index: number;
  /** Responses that the reward model chooses the policy's answer from: n of best-of-n, else 1. */
  readonly bestOf: number;
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
    const { index, references, configuration } = await readCheckpointManifest(artifacts, id);
    const bestOf = responsesToChooseFrom(configuration);
    found.unshift({ id, index, bestOf });
    // Best-of-n is the same policy at all of its checkpoints.
    id = bestOf > 1 ? undefined : references[PREVIOUS_CHECKPOINT];
  }
  return found;
}

/**
 * The policy's transformer in a checkpoint, whatever value function and moments lie beside it.
 * @param model of the pretrained model that the policy started from
 * @throws Error naming the checkpoint if its policy is not such a model; ArtifactError for a blob that is no good
 */
export async function readPolicyWeights(
  artifacts: ArtifactStore,
  id: string,
  model: ModelConfiguration,
): Promise<TensorMap> {
  const weights = policyWeights(await readCheckpointWeights(artifacts, id));
  try {
    checkShapes(weights, parameterShapes(model));
  } catch (error) {
    throw new Error(`checkpoint ${id} is no policy of this model: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return weights;
}

/** At most `count` of the items, evenly spaced, the last always among them. */
export function evenlySpaced<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items;
  return Array.from({ length: count }, (_, i) => items[Math.round(((i + 1) * items.length) / count) - 1]!);
}
