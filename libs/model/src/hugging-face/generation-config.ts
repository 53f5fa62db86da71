/** `generation_config.json`: what `generate` does where it is not told otherwise. */
import type { JsonObject } from './json-file.js';
import { tokensOf } from './gpt2-config.js';
import { ModelFormatError } from './model-format-error.js';

export interface GenerationDefaults {
  /** Tokens that end a text. */
  readonly endOfText?: readonly number[];
  /** 0 takes the likeliest token each time. */
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly maximumNewTokens?: number;
}

/**
 * @param path the file's, for errors.
 * @throws ModelFormatError naming the key that makes no sense
 */
export function readGenerationConfig(
  config: JsonObject,
  path: string,
  vocabulary: number,
): GenerationDefaults {
  const number = (key: string, valid: (value: number) => boolean, meaning: string): number | undefined => {
    const value = config[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && valid(value)) return value;
    throw new ModelFormatError(`${path}: ${key} must be ${meaning}`);
  };
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  const endOfText = tokensOf(config['eos_token_id'], vocabulary);
  const temperature = number(
    'temperature',
    (value) => value >= 0 && Number.isFinite(value),
    'a number from 0',
  );
  const topK = number('top_k', isCount, 'a whole number from 0');
  const topP = number('top_p', (value) => value > 0 && value <= 1, 'above 0 and at most 1');
  const maximumNewTokens = number(
    'max_new_tokens',
    (value) => isCount(value) && value > 0,
    'a whole number from 1',
  );
  const greedy = config['do_sample'] === false;
  return {
    ...(endOfText.length > 0 && { endOfText }),
    ...(greedy ? { temperature: 0 } : temperature !== undefined && { temperature }),
    ...(!greedy && topK !== undefined && topK > 0 && { topK }),
    ...(!greedy && topP !== undefined && topP < 1 && { topP }),
    ...(maximumNewTokens !== undefined && { maximumNewTokens }),
  };
}

export function writeGenerationConfig(defaults: GenerationDefaults): JsonObject {
  const { endOfText = [], temperature, topK, topP, maximumNewTokens } = defaults;
  const samples = [temperature, topK, topP].some((value) => value !== undefined) && temperature !== 0;
  return {
    ...(endOfText.length > 0 && {
      bos_token_id: endOfText[0],
      eos_token_id: endOfText.length === 1 ? endOfText[0] : endOfText,
    }),
    ...(temperature === 0 && { do_sample: false }),
    ...(samples && { do_sample: true }),
    ...(samples && temperature !== undefined && { temperature }),
    ...(topK !== undefined && { top_k: topK }),
    ...(topP !== undefined && { top_p: topP }),
    ...(maximumNewTokens !== undefined && { max_new_tokens: maximumNewTokens }),
  };
}
