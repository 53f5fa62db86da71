import type { ArtifactStore, TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration, OptimiseConfiguration } from '@plumbline/contracts';
import { readModelCheckpoint, type ModelCheckpoint } from '@plumbline/training';
import { policyWeights, VALUE_DEFAULTS, valueShapes } from './actor-critic.js';

/** What the step `optimise` gives, or any language model in its place. */
export interface Policy extends ModelCheckpoint {
  /** The transformer's alone. */
  readonly weights: TensorMap;
  /** Of how many of its responses the reward model's favourite is the policy's; 1: it answers as it samples. */
  readonly bestOf: number;
}

/**
 * Reads a policy, whatever optimiser made it; a value function beside it is checked and left aside.
 * @throws Error naming the checkpoint and what it lacks; ArtifactError when a blob is missing or corrupted.
 */
export async function readPolicy(artifacts: ArtifactStore, id: string): Promise<Policy> {
  const read = await readModelCheckpoint(artifacts, id, (configuration) => {
    const { model, optimise } = configuration as Written;
    if (optimise?.algorithm !== 'ppo') return {};
    return valueShapes(model, (optimise.value ?? VALUE_DEFAULTS).network);
  });
  const { optimise } = read.checkpoint.configuration as Written;
  return {
    ...read,
    weights: policyWeights(read.checkpoint.weights),
    bestOf: optimise?.algorithm === 'best-of-n' ? optimise.bestOfN!.n : 1,
  };
}

interface Written {
  readonly model: ModelConfiguration;
  readonly optimise?: OptimiseConfiguration;
}
