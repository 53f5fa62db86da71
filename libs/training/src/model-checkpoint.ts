import { readCheckpoint, type ArtifactStore, type CheckpointContent } from '@plumbline/artifacts';
import type { ModelConfiguration } from '@plumbline/contracts';
import { checkShapes, parameterShapes, Tokenizer } from '@plumbline/model';

type Shapes = Readonly<Record<string, readonly number[]>>;

/** A checkpoint that holds a language model, alone or with heads beside it. */
export interface ModelCheckpoint {
  readonly id: string;
  readonly model: ModelConfiguration;
  readonly tokenizer: Tokenizer;
  /** Artifact of the tokenizer.json; put it into the references of what is trained from this model. */
  readonly tokenizerId: string;
  readonly checkpoint: CheckpointContent & { readonly id: string };
}

/**
 * Reads a checkpoint whose configuration has the model's under `model` and whose references have a `tokenizer`, as
 * pretraining and all that build on it write them.
 *
 * @param heads shapes of parameters that it has beside the transformer's, or what they are by its configuration.
 * @throws Error naming the checkpoint and what it lacks; ArtifactError when a blob is missing or corrupted.
 */
export async function readModelCheckpoint(
  artifacts: ArtifactStore,
  id: string,
  heads: Shapes | ((configuration: unknown) => Shapes) = {},
): Promise<ModelCheckpoint> {
  const checkpoint = await readCheckpoint(artifacts, id);
  const { model } = checkpoint.configuration as { model?: ModelConfiguration };
  const tokenizerId = checkpoint.references['tokenizer'];
  if (!model) throw new Error(`checkpoint ${id} holds no language model`);
  if (!tokenizerId)
    throw new Error(`checkpoint ${id} has no tokenizer: it was imported without a tokenizer.json`);
  try {
    const beside = typeof heads === 'function' ? heads(checkpoint.configuration) : heads;
    checkShapes(checkpoint.weights, { ...parameterShapes(model), ...beside });
  } catch (error) {
    throw new Error(`checkpoint ${id}: ${(error as Error).message}`, { cause: error });
  }
  const tokenizer = new Tokenizer(await artifacts.getJson<unknown>(tokenizerId));
  return { id, model, tokenizer, tokenizerId, checkpoint };
}
