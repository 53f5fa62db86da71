import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { uniform } from './random.mjs';

const WORDS = {
  subject: [
    'the nation',
    'our people',
    'the congress',
    'a farmer',
    'the army',
    'every state',
    'the treasury',
  ],
  verb: ['welcomes', 'fears', 'praises', 'regrets', 'builds', 'loses', 'honors', 'debates', 'remembers'],
  object: ['peace', 'war', 'good faith', 'a great loss', 'new roads', 'happy years', 'bad debts', 'the law'],
};

/** What the section `optimise` has of each algorithm's own: twenty iterations each, with as much state as there may be. */
const OPTIMISERS = {
  ppo: { batch: 16, epochs: 2 },
  rloo: { batch: 16, epochs: 2, minibatches: 2, rloo: { responsesPerPrompt: 4 } },
  // Some iterations end early: how many updates were done follows from what was measured.
  grpo: { batch: 16, epochs: 3, targetKl: 0.002, accumulation: 2, grpo: { responsesPerPrompt: 4 } },
  dpo: { batch: 8, epochs: 2, accumulation: 2, schedule: 'cosine', warmup: 2 },
  'best-of-n': { batch: 16, bestOfN: { n: 4 } },
};

/** Algorithms that the drill can optimise by. */
export const ALGORITHMS = Object.keys(OPTIMISERS);

/**
 * The whole pipeline at a size that says nothing about quality: several checkpoints in each step, a run in half a minute.
 * Its files are written into `folder`.
 *
 * @param {string} folder
 * @param {string} algorithm one of `ALGORITHMS`
 */
export function drillConfiguration(folder, algorithm = 'ppo') {
  const corpus = join(folder, 'corpus.txt');
  writeFileSync(corpus, documents(300).join('\n\n'));
  const rows = join(folder, 'rows.jsonl');
  writeFileSync(rows, examples(160).join('\n'));
  return {
    name: 'resume-drill',
    seed: 7,
    model: { layers: 2, heads: 2, width: 64, context: 24, vocabulary: 300, dropout: 0.1 },
    pretrain: { corpus, tokens: 46_080, batch: 16, learningRate: 0.003, warmup: 10, checkpointEvery: 15 },
    sft: {
      data: rows,
      epochs: 3,
      batch: 8,
      accumulation: 2,
      learningRate: 0.001,
      warmup: 3,
      longRows: 'truncate',
      checkpointEvery: 12,
    },
    sample: { promptTokens: 8, responseTokens: 8, comparisons: 100, heldOut: 20 },
    collect: { simulatedLabelers: 2 },
    reward: { epochs: 3, batch: 8, learningRate: 0.001, checkpointEvery: 6 },
    optimise: {
      algorithm,
      episodes: 320,
      learningRate: 0.001,
      checkpointEvery: 4,
      ...OPTIMISERS[algorithm],
    },
    evaluate: { prompts: 24, bestOf: 2 },
  };
}

/** Small talk of few words; always the same. */
function documents(count) {
  return Array.from({ length: count }, (_, document) =>
    Array.from({ length: 12 }, (_, sentence) => sentenceOf(document * 12 + sentence)).join(' '),
  );
}

/** Rows of JSON Lines: a short prompt and what is to follow it. */
function examples(count) {
  return Array.from({ length: count }, (_, row) => {
    const [first, second, ...rest] = sentenceOf(10_000 + row).split(' ');
    return JSON.stringify({ prompt: `${first} ${second}`, completion: ` ${rest.join(' ')}` });
  });
}

function sentenceOf(index) {
  const word = (kind) => WORDS[kind][Math.floor(uniform(0, kind, index) * WORDS[kind].length)];
  const subject = word('subject');
  const year = 1790 + Math.floor(uniform(0, 'year', index) * 230);
  return `${subject[0].toUpperCase()}${subject.slice(1)} ${word('verb')} ${word('object')} in ${year}.`;
}
