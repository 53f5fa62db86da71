import type { TensorMap } from '@plumbline/artifacts';
import type { Generation, GenerationRequest, Shard } from './request.js';

export type EngineName = 'onnx' | 'tfjs';

/** What runs the model. Its calls do not overlap. */
export interface Engine {
  readonly name: EngineName;
  /** @param between awaited between tokens; throws to cancel */
  generateShard(shard: Shard, request: GenerationRequest, between: () => Promise<void>): Promise<Generation>;
  /** Weights of the same names and shapes. */
  update(weights: TensorMap): void;
  dispose(): void;
}
