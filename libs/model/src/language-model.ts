/** A language model as a whole, in host memory: what is imported, exported, scored and generated with. */
import {
  readCheckpointManifest,
  readCheckpointWeights,
  writeCheckpoint,
  type ArtifactStore,
  type CheckpointManifest,
  type NamedTensor,
  type TensorMap,
} from '@plumbline/artifacts';
import type { ModelConfiguration } from '@plumbline/contracts';
import type { GenerationDefaults } from './hugging-face/generation-config.js';
import { ModelFormatError } from './hugging-face/model-format-error.js';
import { checkShapes } from './parameters.js';
import { END_OF_TEXT } from './byte-pair-encoding.js';
import { parameterShapes } from './transformer.js';

/** An artifact is read at once, and Node reads at most 2 GiB; a MiB and more stays for the header. */
const LARGEST_WEIGHTS = 2_000_000_000;

export interface LanguageModel {
  readonly model: ModelConfiguration;
  /** Exactly the parameters that `parameterShapes` names. */
  readonly weights: TensorMap;
  /** Parsed content of the model's `tokenizer.json`; null where it has none. */
  readonly tokenizer: unknown;
  readonly generation: GenerationDefaults;
}

/** A checkpoint that cannot be used as a language model. */
export class NoLanguageModelError extends Error {
  override readonly name = 'NoLanguageModelError';
}

/** What defines an imported checkpoint; training steps have more in theirs. */
interface ModelManifest {
  readonly model?: ModelConfiguration;
  readonly generation?: GenerationDefaults;
}

/**
 * The language model in a checkpoint of pretraining, fine-tuning, PPO (the policy, without its value network) or import.
 *
 * @throws NoLanguageModelError naming the checkpoint and what it is instead; ArtifactError when a blob is missing or
 *   corrupted.
 */
export async function readLanguageModel(artifacts: ArtifactStore, id: string): Promise<LanguageModel> {
  const manifest = await readCheckpointManifest(artifacts, id);
  const { model, generation = {} } = manifest.configuration as ModelManifest;
  if (!model)
    throw new NoLanguageModelError(`checkpoint ${id}, of step ${manifest.step}, holds no language model`);
  if (manifest.step === 'reward') {
    throw new NoLanguageModelError(
      `checkpoint ${id} is a reward model: it scores whole responses and has no next-token probabilities`,
    );
  }
  const weights = policyAlone(manifest, await readCheckpointWeights(artifacts, id));
  try {
    checkShapes(weights, parameterShapes(model));
  } catch (error) {
    throw new NoLanguageModelError(`checkpoint ${id}: ${(error as Error).message}`, { cause: error });
  }
  const tokenizerId = manifest.references['tokenizer'];
  const tokenizer = tokenizerId === undefined ? null : await artifacts.getJson<unknown>(tokenizerId);
  const endOfText = endOfTextOf(tokenizer);
  return {
    model,
    weights,
    tokenizer,
    generation: { ...(endOfText !== null && { endOfText: [endOfText] }), ...generation },
  };
}

/**
 * Stores the model as a checkpoint, and gives its id: the same model has the same id, wherever it came from. It can
 * take the place of a pretrained one.
 *
 * @param references other artifacts by role, such as the corpus that prompts come from.
 * @throws ModelFormatError when the weights are too large for one artifact.
 */
export async function writeLanguageModel(
  artifacts: ArtifactStore,
  { model, weights, tokenizer, generation }: LanguageModel,
  references: Readonly<Record<string, string>> = {},
): Promise<string> {
  const bytes = Object.values(weights).reduce((total, { data }) => total + data.byteLength, 0);
  if (bytes > LARGEST_WEIGHTS) {
    throw new ModelFormatError(
      `weights of ${bytes} bytes are too large for a checkpoint, which holds up to 2 GB of them`,
    );
  }
  const hasDefaults = Object.keys(generation).length > 0;
  return writeCheckpoint(artifacts, {
    step: 'import',
    index: 0,
    configuration: { model, ...(hasDefaults && { generation }) },
    weights,
    optimizer: {},
    state: {},
    references: {
      ...references,
      ...(tokenizer !== null && { tokenizer: await artifacts.putJson(tokenizer) }),
    },
  });
}

/** Token of `<|endoftext|>` in a parsed `tokenizer.json`. */
export function endOfTextOf(tokenizer: unknown): number | null {
  const file = tokenizer as {
    added_tokens?: readonly { content: string; id: number }[];
    model?: { vocab?: Readonly<Record<string, number>> };
  } | null;
  return (
    file?.added_tokens?.find(({ content }) => content === END_OF_TEXT)?.id ??
    file?.model?.vocab?.[END_OF_TEXT] ??
    null
  );
}

/** A policy's checkpoint has its value network beside it, under `value.`. */
function policyAlone({ step }: CheckpointManifest, weights: TensorMap): TensorMap {
  if (step !== 'optimise') return weights;
  return Object.fromEntries(
    Object.entries(weights).filter(([name]: [string, NamedTensor]) => !name.startsWith('value.')),
  );
}
