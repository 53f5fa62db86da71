/** Supervised fine-tuning data as tokens, split into examples that train and those held out. */
import { resolve } from 'node:path';
import {
  ArtifactError,
  decodeSafetensors,
  encodeSafetensors,
  type ArtifactStore,
} from '@plumbline/artifacts';
import { DataError } from './data-error.js';
import { findDataFiles } from './data-files.js';
import { DocumentSplit } from './document-split.js';
import { GrowingVector } from './growing-vector.js';
import { readJsonRows, type JsonRow } from './json-rows.js';
import { readTurns, type Turn } from './supervised-rows.js';
import type { CorpusTokenizer } from './tokenized-corpus.js';

const KEY = 'sft.data';

/** Examples one after the other. */
export interface SupervisedExamples {
  readonly tokens: Int32Array;
  /** For each token, 1 where the loss is over its prediction and 0 where not; [tokens]. */
  readonly learned: Int32Array;
  /** Where each example starts in `tokens`, ascending. */
  readonly starts: Int32Array;
}

export interface SupervisedData {
  readonly train: SupervisedExamples;
  readonly heldOut: SupervisedExamples;
}

export interface SupervisedDataOptions {
  /** The longest example, in tokens. */
  readonly maximumTokens: number;
  /** What becomes of longer ones: an error, their end cut off, or left out. */
  readonly longRows: 'refuse' | 'truncate' | 'drop';
  /** Awaited now and then. */
  readonly breathe: () => Promise<void>;
}

/**
 * Reads `sft.data`: a JSON Lines file, or all of a folder. Each turn is tokenised by itself, as a prompt will be when
 * the model is asked. Where the very first token is learned, an end-of-text token comes before it, as before a document.
 * A row of which nothing learned is left after its end was cut off is left out.
 *
 * @returns the data, a SHA-256 that tells whether the rows have changed, and how many rows were left out
 * @throws DataError naming file and line of a row that cannot be used, or when there are fewer than two different rows
 */
export async function readSupervisedData(
  path: string,
  tokenizer: CorpusTokenizer,
  options: SupervisedDataOptions,
): Promise<{ data: SupervisedData; hash: string; dropped: number }> {
  const files = await findDataFiles(KEY, path, ['json-lines']);
  const split = new DocumentSplit();
  const examples = new ExampleBuilder();
  const hashes: string[] = [];
  let dropped = 0;
  for (const file of files) {
    for await (const rows of readJsonRows(KEY, file)) {
      for (const row of rows) {
        const turns = readTurns(row);
        const example = fitted(row, tokenizeTurns(turns, tokenizer), options);
        if (example === null) {
          dropped++;
          continue;
        }
        examples.add(example);
        hashes.push(split.add(JSON.stringify(turns.map(({ text, learned }) => [text, learned]))));
      }
      await options.breathe();
    }
  }
  if (!split.isPossible) {
    const left = dropped > 0 ? ` (${dropped} were left out because of their length)` : '';
    throw new DataError(
      { key: KEY, path: resolve(path) },
      `${split.documents === 0 ? 'no rows' : 'one row only'}${left}; ` +
        'training and held-out rows need at least two that differ',
    );
  }
  return {
    data: {
      train: examples.chosen((index) => !split.isHeldOut(hashes[index]!)),
      heldOut: examples.chosen((index) => split.isHeldOut(hashes[index]!)),
    },
    hash: split.digest(),
    dropped,
  };
}

/** Stores the examples; checkpoints refer to them, and resuming need not read the rows again. */
export function writeSupervisedData(artifacts: ArtifactStore, data: SupervisedData): Promise<string> {
  return artifacts.put(
    encodeSafetensors(
      Object.fromEntries(
        PARTS.flatMap((part) =>
          VECTORS.map((name) => {
            const values = data[part][name];
            return [`${part}.${name}`, { dtype: 'I32', shape: [values.length], data: values }] as const;
          }),
        ),
      ),
    ),
  );
}

/** @throws ArtifactError when the artifact is missing, corrupted or no fine-tuning data */
export async function readStoredSupervisedData(
  artifacts: ArtifactStore,
  id: string,
): Promise<SupervisedData> {
  const tensors = decodeSafetensors(await artifacts.get(id));
  const read = (name: string): Int32Array => {
    const tensor = tensors[name];
    if (tensor?.data instanceof Int32Array) return tensor.data;
    throw new ArtifactError('malformed', `artifact ${id} is no fine-tuning data: it has no ${name}`);
  };
  const examples = (part: string): SupervisedExamples => ({
    tokens: read(`${part}.tokens`),
    learned: read(`${part}.learned`),
    starts: read(`${part}.starts`),
  });
  return { train: examples('train'), heldOut: examples('heldOut') };
}

const PARTS = ['train', 'heldOut'] as const;
const VECTORS = ['tokens', 'learned', 'starts'] as const;

interface Example {
  readonly tokens: readonly number[];
  readonly learned: readonly boolean[];
}

function tokenizeTurns(turns: readonly Turn[], tokenizer: CorpusTokenizer): Example {
  const tokens: number[] = [];
  const learned: boolean[] = [];
  for (const turn of turns) {
    for (const token of tokenizer.encode(turn.text)) {
      tokens.push(token);
      learned.push(turn.learned);
    }
    if (!turn.ends) continue;
    tokens.push(tokenizer.endOfText);
    learned.push(turn.learned);
  }
  if (learned[0]) {
    tokens.unshift(tokenizer.endOfText);
    learned.unshift(false);
  }
  return { tokens, learned };
}

/** The example within the limit; null when it is left out. */
function fitted(
  { location }: JsonRow,
  example: Example,
  { maximumTokens, longRows }: SupervisedDataOptions,
): Example | null {
  const length = example.tokens.length;
  if (length <= maximumTokens) return example;
  switch (longRows) {
    case 'refuse':
      throw new DataError(
        location,
        `the row has ${length} tokens, the model takes ${maximumTokens} ` +
          '(sft.longRows: truncate cuts off the end, drop leaves the row out)',
      );
    case 'drop':
      return null;
    case 'truncate': {
      const learned = example.learned.slice(0, maximumTokens);
      return learned.includes(true) ? { tokens: example.tokens.slice(0, maximumTokens), learned } : null;
    }
    default:
      return longRows satisfies never;
  }
}

class ExampleBuilder {
  private readonly tokens = new GrowingVector();
  private readonly learned = new GrowingVector();
  private readonly starts = new GrowingVector();

  add({ tokens, learned }: Example): void {
    this.starts.push(this.tokens.length);
    this.tokens.append(tokens);
    this.learned.append(learned.map(Number));
  }

  chosen(isChosen: (index: number) => boolean): SupervisedExamples {
    const chosen = new ExampleBuilder();
    const tokens = this.tokens.toArray();
    const learned = this.learned.toArray();
    const starts = this.starts.toArray();
    starts.forEach((start, index) => {
      if (!isChosen(index)) return;
      const end = starts[index + 1] ?? tokens.length;
      chosen.starts.push(chosen.tokens.length);
      chosen.tokens.append(tokens.subarray(start, end));
      chosen.learned.append(learned.subarray(start, end));
    });
    return {
      tokens: chosen.tokens.toArray(),
      learned: chosen.learned.toArray(),
      starts: chosen.starts.toArray(),
    };
  }
}
