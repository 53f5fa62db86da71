/** Lie in the user's folder of each installation, beside the configuration files. */
export const TINY_CORPUS_FILE = 'corpus.txt';
export const TINY_ROWS_FILE = 'rows.jsonl.gz';

/** The whole pipeline at a size that says nothing about quality and everything about the chain. */
export const TINY = {
  name: 'tiny',
  seed: 7,
  model: { layers: 1, heads: 2, width: 32, context: 24, vocabulary: 300 },
  pretrain: {
    corpus: TINY_CORPUS_FILE,
    tokens: 60_000,
    batch: 8,
    learningRate: 0.003,
    warmup: 10,
    checkpointEvery: 25,
  },
  sample: { promptTokens: 8, responseTokens: 8, comparisons: 60, heldOut: 12 },
  collect: { simulatedLabelers: 2 },
  reward: { epochs: 2, batch: 8, learningRate: 0.001, checkpointEvery: 3 },
  optimise: { episodes: 320, batch: 16, epochs: 2, learningRate: 0.001, checkpointEvery: 2 },
  evaluate: { prompts: 24, bestOf: 2 },
};

/** The same with fine-tuning. */
export const TINY_WITH_SFT = {
  ...TINY,
  name: 'tiny-sft',
  model: { ...TINY.model, dropout: 0.1 },
  sft: {
    data: TINY_ROWS_FILE,
    epochs: 3,
    batch: 8,
    accumulation: 2,
    learningRate: 0.001,
    warmup: 3,
    longRows: 'truncate',
    checkpointEvery: 10,
  },
};
