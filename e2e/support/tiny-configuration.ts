/** Lies in the user's folder of each installation, beside the configuration files. */
export const TINY_CORPUS_FILE = 'corpus.txt';

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
